package process

import (
	"errors"
	"net"
)

// Ports finds n different ports of the loopback interface that were free a moment ago. They are held together before any is
// let go, so one call never names a port twice; somebody else may still come first, so whoever starts a server tries again.
func Ports(n int) ([]int, error) {
	var ports []int
	var held []net.Listener
	var errs []error
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			errs = append(errs, err)
			break
		}
		held = append(held, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range held {
		errs = append(errs, l.Close())
	}
	return ports, errors.Join(errs...)
}
