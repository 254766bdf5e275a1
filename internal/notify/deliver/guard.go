package deliver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"plumb.cd/plumb/internal/fault"
)

// guard keeps channels off addresses that are not public: a Channel is written by a tenant, and the daemon stands where
// the tenant does not. It looks at the address that is connected to, after names were resolved, so that no name that
// changes its mind gets around it.
type guard struct{ allow []netip.Prefix }

const connectTimeout = 10 * time.Second

func (g guard) dialer() *net.Dialer {
	return &net.Dialer{Timeout: connectTimeout, ControlContext: g.control}
}

func (g guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	host, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !g.may(host.Addr()) {
		return refusal(host.Addr())
	}
	return nil
}

func refusal(a netip.Addr) error {
	return &fault.Error{
		Class: fault.Blocked, Reason: fault.AddressRefused,
		Message: fmt.Sprintf("the address %s is not public, and Channels may not reach it", a),
		Next:    "where this is intended, start the daemon with --notify-allow and the network, e.g. --notify-allow " + network(a),
	}
}

func network(a netip.Addr) string {
	bits := 16
	if a.Is6() {
		bits = 64
	}
	p, err := a.Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// special are networks that the methods of netip.Addr do not name.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // shared by carriers; some clouds' metadata and cluster networks
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments; some clouds' metadata
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // measurements
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("fec0::/10"),       // site-local of old
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001::/32"),       // Teredo: carries an IPv4 address
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("64:ff9b:1::/48"),  // local translation
}

var (
	translated = netip.MustParsePrefix("64:ff9b::/96") // IPv4 behind NAT64
	sixToFour  = netip.MustParsePrefix("2002::/16")
)

func (g guard) may(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range g.allow {
		if p.Contains(a) {
			return true
		}
	}
	raw := a.As16()
	switch {
	case translated.Contains(a):
		return g.may(netip.AddrFrom4([4]byte(raw[12:16])))
	case sixToFour.Contains(a):
		return g.may(netip.AddrFrom4([4]byte(raw[2:6])))
	case !a.IsGlobalUnicast(), a.IsPrivate(), a.IsLoopback(), a.IsLinkLocalUnicast():
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
