// Package admission decides how much work is under way at once, so that a server that is asked for more than it can do goes
// on doing what it can, and says no to the rest at once (availability: GDPR Art. 32(1)(b)).
//
//	leave, err := gate.Enter(ctx, cost)
//	if err != nil {
//		return err // nothing was begun: ErrFull
//	}
//	defer leave()
//
// Threat: without it, four times the load means four times the requests under way; each takes four times as long, all end in
// a time-out, and the work is wasted. So only a few operations run side by side. The others wait their turn, a moment only:
// for whoever waits longer, an answer would come too late.
//
// Expensive operations never take all places: what is kept free is for cheap ones, so that a customer's look at their own
// data does not wait behind reports.
package admission
