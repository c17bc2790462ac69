package canary

import "crypto/rand"

// RandomValue draws n lower-case letters and digits whose remnants do not turn up by chance: no letter is a hexadecimal
// digit, letters and digits stand at most two in a row, and four neighbours differ. So no six of them are part of a
// number, a word or an identifier in hexadecimal; see the package's comment for what remains.
func RandomValue(n int) string {
	const letters, digits = "ghijklmnopqrstuvwxyz", "0123456789"
	v := make([]byte, 0, n)
	digit := func(back int) bool { return v[len(v)-back] <= '9' }
	for len(v) < n {
		from := letters
		switch {
		case len(v) >= 2 && digit(1) == digit(2):
			if !digit(1) {
				from = digits
			}
		case draw(2) == 0:
			from = digits
		}
		c := from[draw(len(from))]
		if len(v) >= 1 && v[len(v)-1] == c || len(v) >= 2 && v[len(v)-2] == c || len(v) >= 3 && v[len(v)-3] == c {
			continue
		}
		v = append(v, c)
	}
	return string(v)
}

// RandomDotted draws a value with a dot among every six characters, and none at either end. Base64 and hexadecimal have no
// dot: in text made of them nothing is found by chance. It is for values that are stored whole; where a text is cut into
// words, each would have five characters and pass unseen.
func RandomDotted(n int) string {
	v := []byte(RandomValue(n))
	first := window - 1
	if n%window == 0 {
		first-- // or the last dot would be the last character
	}
	for i := first; i < n-1; i += window {
		v[i] = '.'
	}
	return string(v)
}

// draw is a number below n ≤ 256, each as likely as the others.
func draw(n int) int {
	var b [1]byte
	for {
		_, _ = rand.Read(b[:]) // never fails: the runtime ends the program first
		if int(b[0]) < 256/n*n {
			return int(b[0]) % n
		}
	}
}
