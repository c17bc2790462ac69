// Package seal is the form in which a sealed field passes through Ent: a Cell, which is either open, on its way in, or
// sealed, as the database keeps it. The hook of every generated schema has the cells of a mutation sealed by the Keeper in
// its context. An open Cell is no value a database driver takes, and a mutation without a Keeper fails: there is no way
// through Ent that writes a sealed field in the clear (GDPR Art. 32(1)(a)).
//
// What seals is not known here: privacy/keyring does.
package seal
