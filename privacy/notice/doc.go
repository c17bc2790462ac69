// Package notice says in plain words what the schema says: the privacy notice (GDPR Art. 12 to 14), and the exact text a
// person is shown when asked for consent (Art. 7(1), EDPB Guidelines 05/2020 no. 64). Everything in it is a pure function of
// the compiled schema: the same schema gives the same bytes, so that a hash names a text for good.
//
// It also says when people must be asked again. [Material] is what somebody agrees to; [Wider] is what a new one does that
// the old one did not.
package notice
