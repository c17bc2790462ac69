// Package graph is the API: the executor gqlgen generates from the derived schema, the thin generated resolvers, the
// developer's own resolvers beside them, and the gateway that puts them behind one door.
//
// A hand-written resolver is a method on queryResolver or mutationResolver in a file of its own. It returns model
// values, and those come from (*read.Engine).Load: a raw Ent row does not compile as an answer.
package graph
