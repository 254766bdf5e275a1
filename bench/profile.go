package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

const debugAddress = "127.0.0.1:16060"

// profiled takes a CPU profile of the daemon until the returned function is called, and a heap profile then.
func (s *stage) profiled(name string) func() {
	if s.config.profile == "" {
		return func() {}
	}
	if err := os.MkdirAll(s.config.profile, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		return func() {}
	}
	return func() {
		if err := fetch("http://"+debugAddress+"/debug/pprof/heap", filepath.Join(s.config.profile, name+".heap")); err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
		}
	}
}

// cpuProfile takes a CPU profile of the daemon for a time, in the background.
func (s *stage) cpuProfile(name string, seconds int) {
	if s.config.profile == "" {
		return
	}
	go func() {
		raw, err := s.admin.RESTClient().Get().AbsPath("/debug/pprof/profile").Param("seconds", strconv.Itoa(seconds)).DoRaw(context.Background())
		if err == nil {
			err = os.WriteFile(filepath.Join(s.config.profile, name+".controlplane.cpu"), raw, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "profile of the control plane:", err)
		}
	}()
	go func() {
		url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", debugAddress, seconds)
		if err := fetch(url, filepath.Join(s.config.profile, name+".cpu")); err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
		}
	}()
}

func fetch(url, file string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, res.Body)
	return errors.Join(err, out.Close())
}
