package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// neighboursShape is monorepoShape with, in Git but without Apps at first, one bad app for ten good ones. Of three, one
// does not render, one is refused by the API server, and one never becomes healthy.
func neighboursShape(n int) shape {
	s := monorepoShape(n)
	for i := range badApps(n) {
		name := badName(i)
		text := strings.ReplaceAll(manifests(name, 1, "0")["deployment.yaml"], "web:1.2.3", "web:never-ready")
		switch i % 3 {
		case 0:
			text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [" + name + "}\n"
		case 1:
			text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: " + name + "\nspec:\n  ports:\n  - {port: 99999}\n"
		}
		s.files["bad/"+name+"/bad.yaml"] = text
	}
	return s
}

func badApps(good int) int { return max(3, good/10) }

func badName(i int) string { return fmt.Sprintf("bad-%04d", i) }

// measureNeighbours is how long commits take before and after bad neighbours move in: apps that fail or never become
// healthy, apps on a Git server that accepts connections and says nothing, and apps on a cluster that does the same.
func measureNeighbours(ctx context.Context, s *stage, r *report) error {
	if err := s.warm(ctx); err != nil {
		return err
	}
	if _, err := s.plumbSync(ctx); err != nil {
		return err
	}
	alone, err := s.commits(ctx, "alone")
	if err != nil {
		return err
	}
	silent, err := listenSilently()
	if err != nil {
		return err
	}
	defer silent.Close()
	bad, err := s.moveIn(ctx, silent.Addr().String())
	if err != nil {
		return err
	}
	s.cpuProfile(s.measure, 5)
	cpu, began := s.daemonCPU().total(), time.Now()
	crowded, err := s.commits(ctx, "crowded")
	if err != nil {
		return err
	}
	cpu, took := s.daemonCPU().total()-cpu, time.Since(began)
	r.times(fmt.Sprintf("commit to 1 of %d apps beside %d bad ones: webhook → applied", len(s.shape.apps), bad), crowded, alone,
		fmt.Sprintf("%d commits; the column raw has the same by Plumb without bad neighbours; the daemon used %.0f %% of a core", len(crowded), 100*cpu.Seconds()/took.Seconds()))
	return nil
}

func (s *stage) commits(ctx context.Context, name string) (times, error) {
	var out times
	for i := range s.config.trials {
		if err := s.commitOne(ctx, (i*7919)%len(s.shape.apps), name+"-"+strconv.Itoa(i), &out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// moveIn creates the bad neighbours and returns how many there are, when each has said something about itself.
func (s *stage) moveIn(ctx context.Context, silent string) (int, error) {
	var apps []appShape
	for i := range badApps(len(s.shape.apps)) {
		apps = append(apps, appShape{name: badName(i), repository: "mono", path: "bad/" + badName(i), namespace: single})
	}
	if err := s.createRepositoryAt(ctx, "silent", "http://"+silent+"/silent.git"); err != nil {
		return 0, err
	}
	kubeconfig, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:  map[string]*clientcmdapi.Cluster{"silent": {Server: "https://" + silent, InsecureSkipTLSVerify: true}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{"silent": {Token: "none"}},
		Contexts:  map[string]*clientcmdapi.Context{"silent": {Cluster: "silent", AuthInfo: "silent"}}, CurrentContext: "silent",
	})
	if err != nil {
		return 0, err
	}
	if err := s.createCluster(ctx, "silent", kubeconfig); err != nil {
		return 0, err
	}
	waiting := len(apps)
	for i := range max(2, len(s.shape.apps)/50) {
		apps = append(apps,
			appShape{name: "silent-git-" + strconv.Itoa(i), repository: "silent", path: "x", namespace: single},
			appShape{name: "silent-cluster-" + strconv.Itoa(i), repository: "mono", path: "apps/" + appName(i), namespace: single, cluster: "silent"})
	}
	said := s.world.expectCount(waiting, func(t thing) bool {
		return t.kind == "App" && strings.HasPrefix(t.name, "bad-") && t.state != "" && t.state != "Unknown"
	})
	if err := s.createApps(ctx, apps); err != nil {
		return 0, err
	}
	_, err = said(ctx, "the bad neighbours say that they fail, or deploy")
	return len(apps), err
}

// listenSilently accepts connections and never says a word.
func listenSilently() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		var open []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range open {
					_ = c.Close() // nothing was written to it
				}
				return
			}
			open = append(open, c)
		}
	}()
	return l, nil
}
