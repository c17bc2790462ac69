// Package doctor looks at everything a server needs before one is started, or when one does not do what it should.
//
//	gathered, wrong := server.Gather(flags, os.Environ())
//	for _, f := range doctor.Look(ctx, gathered, wrong) {
//		fmt.Println(f.State, f.Name, f.Says, f.Remedy)
//	}
//
// It changes nothing: databases are opened to look, and refuse to write; what is not there is not made. It takes five seconds at
// most, whatever hangs. What it says names hosts and files, and no secret.
package doctor
