// Package canary looks for planted secrets in everything a thief could get: database files and their logs, dumps, backups,
// temporary files, and the memory of processes.
//
// A test plants random values, the canaries, in fields that are to be sealed at rest, and scans what is left behind. With
// sealing on, nothing may be found; with sealing off, each must be, or the scan looked in the wrong place. That is how
// GDPR Art. 32(1)(a) is shown and not only said.
//
//	value := canary.RandomValue(24)
//	// … store it in Contact.email …
//	s, err := canary.New(map[string]string{"Contact.email/17": value})
//	hits, err := s.Dir(dataDirectory, nil)
//	more, err := s.Process(server.Pid)
//
// Hits tell where and how, never what. A value counts as found when any 6 bytes of it in a row are: that is the "substring
// of at least six" a gate speaks of. [Hit.Length] says how many there were.
//
// # Forms
//
// Every remnant of 6 bytes is found, in any mix of upper and lower case, and however the data is cut into reads,
//
//   - as it is, in UTF-16 and in UTF-32;
//   - in hexadecimal and in Base64, of either alphabet and wherever a group of four begins, in lines or in one;
//   - in backslash escapes (JSON, C, bytea's octal), percent encoding, quoted-printable, HTML's character references;
//   - as a list of numbers, decimal or hexadecimal: what %v makes of a []byte;
//   - inside gzip, zlib, bzip2, members of ZIP archives and pg_dump's custom format, which may begin anywhere in a file and
//     need not be whole;
//   - in these inside one another, three layers deep: hexadecimal of a gzip in a gzip.
//
// Compressors that copy what does not repeat leave it to be found as it is: PostgreSQL's pglz, Redis's LZF, LZ4, Snappy.
// pglz interrupts it after eight characters, LZF after 32, and a page header may cut it once more, so values should have
// 24 characters.
//
// Not found are values inside zstd, xz and Brotli (switch them off where a gate looks), in deflate without a header, in
// parts of a compressed stream whose beginning is elsewhere, as in the chunks of a TOAST table, and values of types that
// are stored as something other than text, such as dates. A canary is ASCII, so that no more forms are needed.
//
// # Chance
//
// Six bytes can turn up by chance. These are the hits to be expected for 200 values of 24 characters, 3800 windows, in
// data that has none of them; TestChance holds the rows of our own values.
//
//	                        random bytes  Base64 text  hexadecimal  numbers
//	                            per 2 GB       per MB       per MB   per MB
//	RandomValue                      0.3          0.5            0        0
//	  the same case only            0.03         0.06            0        0
//	  8 bytes and more          0.00001        0.0003            0        0
//	RandomDotted                     0.2            0            0        0
//	24 of a-z and 0-9                0.7          1.4            2        2
//	24 digits                       0.03         0.06           200     4000
//
// The other forms add less than one per 2 GB of text in that form, and nothing elsewhere: six bytes in UTF-16 need five
// zeros besides. So random values never look like hexadecimal, numbers or words, and what remains is ciphertext written in
// Base64. The threshold stays where it is all the same, since raising it would hide remnants. Instead:
//
//   - Use [RandomDotted] for values stored whole, and little Base64 where there are thousands of canaries.
//   - Scan again with new values before believing in a single short hit: a leak comes back, chance does not.
//   - Plant half of the canaries nowhere. What is found of them is chance, and shows how much of it there is.
//   - Of values that must be digits, such as phone numbers, believe hits with a Length of 10 and more.
//
// # Speed
//
// About 150 MB/s on one core for random bytes, 120 for SQL, 70 for programs with what is compressed in them, and 25 to 30
// for text that is all hexadecimal or Base64, because such text is looked into. Memory does not grow with the data.
package canary
