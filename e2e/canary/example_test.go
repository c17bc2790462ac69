package canary_test

import (
	"fmt"
	"strings"

	"github.com/cloakroom-crm/cloakroom/e2e/canary"
)

func Example() {
	s, err := canary.New(map[string]string{"Contact.email/17": "q7.vx2wz9.m3kh8.p5j"})
	if err != nil {
		fmt.Println(err)
		return
	}
	log := `level=error msg="duplicate key" email="Q7.VX2WZ9.M3KH8.P5J" key=\x332e6d336b`
	hits, err := s.Reader("server.log", strings.NewReader(log))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range hits {
		fmt.Println(h)
	}
	// Output:
	// server.log: 19 bytes of Contact.email/17 at 39, raw, in another case
}
