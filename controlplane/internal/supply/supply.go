// Package supply plays what a cloud adds to a cluster: volumes for PersistentVolumeClaims, addresses for Services of
// type LoadBalancer and for Ingresses.
package supply

import (
	"context"
	"hash/fnv"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// StorageClass is the name of the default class; its volumes exist in name only.
const StorageClass = "standard"

const provisioner = "plumb.cd/simulated"

// addresses of load balancers: a range for documentation, which nothing contacts.
var addresses = netip.MustParsePrefix("192.0.2.0/24")

// CreateClass creates the default storage class if it is not there.
func CreateClass(ctx context.Context, client kubernetes.Interface) error {
	_, err := client.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        StorageClass,
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner: provisioner,
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// Run supplies what is asked for until ctx ends.
func Run(ctx context.Context, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	s := &supplier{client: client, queue: workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[any](5*time.Millisecond, 10*time.Second))}
	for _, informer := range []cache.SharedIndexInformer{
		factory.Core().V1().PersistentVolumeClaims().Informer(),
		factory.Core().V1().PersistentVolumes().Informer(),
		factory.Core().V1().Services().Informer(),
		factory.Networking().V1().Ingresses().Informer(),
	} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    s.enqueue,
			UpdateFunc: func(_, obj any) { s.enqueue(obj) },
		})
		if err != nil {
			return err
		}
	}
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	var wait sync.WaitGroup
	wait.Go(func() {
		for s.one(ctx) {
		}
	})
	<-ctx.Done()
	s.queue.ShutDown()
	wait.Wait()
	return nil
}

type supplier struct {
	client kubernetes.Interface
	// queue holds pointers to the objects as they were seen; each is only acted on if it wants something.
	queue workqueue.TypedRateLimitingInterface[any]
}

func (s *supplier) enqueue(obj any) {
	if wants(obj) {
		s.queue.Add(obj)
	}
}

// wants reports whether something is to be done for obj.
func wants(obj any) bool {
	switch o := obj.(type) {
	case *corev1.PersistentVolumeClaim:
		return o.DeletionTimestamp == nil && o.Spec.VolumeName == "" &&
			o.Annotations["volume.kubernetes.io/storage-provisioner"] == provisioner
	case *corev1.PersistentVolume:
		return o.DeletionTimestamp == nil && o.Status.Phase == corev1.VolumeReleased &&
			o.Annotations["pv.kubernetes.io/provisioned-by"] == provisioner &&
			o.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
	case *corev1.Service:
		return o.DeletionTimestamp == nil && o.Spec.Type == corev1.ServiceTypeLoadBalancer &&
			len(o.Status.LoadBalancer.Ingress) == 0
	case *networkingv1.Ingress:
		return o.DeletionTimestamp == nil && len(o.Status.LoadBalancer.Ingress) == 0
	}
	return false
}

func (s *supplier) one(ctx context.Context) bool {
	obj, shut := s.queue.Get()
	if shut {
		return false
	}
	defer s.queue.Done(obj)
	err := s.supply(ctx, obj)
	switch {
	// Conflict: the object changed, and was queued again as it is now.
	case err == nil, apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsAlreadyExists(err):
		s.queue.Forget(obj)
	default:
		klog.ErrorS(err, "supplying")
		s.queue.AddRateLimited(obj)
	}
	return true
}

func (s *supplier) supply(ctx context.Context, obj any) error {
	var err error
	switch o := obj.(type) {
	case *corev1.PersistentVolumeClaim:
		return s.provision(ctx, o)
	case *corev1.PersistentVolume:
		return s.client.CoreV1().PersistentVolumes().Delete(ctx, o.Name, metav1.DeleteOptions{})
	case *corev1.Service:
		o = o.DeepCopy()
		o.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: addressFor(o)}}
		_, err = s.client.CoreV1().Services(o.Namespace).UpdateStatus(ctx, o, metav1.UpdateOptions{})
	case *networkingv1.Ingress:
		o = o.DeepCopy()
		o.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: addressFor(o)}}
		_, err = s.client.NetworkingV1().Ingresses(o.Namespace).UpdateStatus(ctx, o, metav1.UpdateOptions{})
	}
	return err
}

// provision makes the volume; the volume controller of kube-controller-manager then binds it.
func (s *supplier) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	name := "pvc-" + string(claim.UID)
	kind := corev1.HostPathDirectoryOrCreate
	_, err := s.client.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{"pv.kubernetes.io/provisioned-by": provisioner},
		},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			StorageClassName:              *claim.Spec.StorageClassName,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: "/simulated/" + name, Type: &kind},
			},
		},
	}, metav1.CreateOptions{})
	return err
}

// addressFor gives an object the same address whenever it asks; two objects may share one.
func addressFor(obj metav1.Object) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(obj.GetNamespace() + "/" + obj.GetName())) // never fails
	b := addresses.Addr().As4()
	b[3] = byte(1 + h.Sum32()%254)
	return netip.AddrFrom4(b).String()
}
