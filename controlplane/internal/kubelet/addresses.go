package kubelet

import (
	"fmt"
	"net/netip"
	"sync"

	"k8s.io/apimachinery/pkg/labels"
)

var everything = labels.Everything()

// addresses hands out Pod addresses, each once at a time.
type addresses struct {
	mu   sync.Mutex
	used map[netip.Addr]struct{}
	last map[netip.Prefix]netip.Addr // handed out last: an address rests as long as possible before it is used again
}

func newAddresses() *addresses {
	return &addresses{used: map[netip.Addr]struct{}{}, last: map[netip.Prefix]netip.Addr{}}
}

// claim marks the address of a Pod that was there before; an empty one is ignored.
func (a *addresses) claim(ip string) {
	if addr, err := netip.ParseAddr(ip); err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.used[addr] = struct{}{}
	}
}

func (a *addresses) release(ip string) {
	if addr, err := netip.ParseAddr(ip); err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.used, addr)
	}
}

// next returns a free address of cidr. The first one, the network itself, is left out.
func (a *addresses) next(cidr string) (string, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	addr, ok := a.last[prefix]
	if !ok {
		addr = prefix.Addr()
	}
	for range 1 << (addr.BitLen() - prefix.Bits()) {
		if addr = addr.Next(); !prefix.Contains(addr) {
			addr = prefix.Addr().Next()
		}
		if _, taken := a.used[addr]; !taken {
			a.used[addr], a.last[prefix] = struct{}{}, addr
			return addr.String(), nil
		}
	}
	return "", fmt.Errorf("no free address in %s", cidr)
}
