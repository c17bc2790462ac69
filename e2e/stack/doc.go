// Package stack runs Cloakroom as it is run for real: gateway processes over PostgreSQL, Redis and Kratos, everything on free
// ports of the loopback interface and ended by its pid.
//
//	s := stack.Start(t, stack.Options{Replicas: 2, Links: true})
//	ada := s.Kratos.Create(…)
//	answer := s.Gateways[0].Ask(ctx, stack.Token(token), `query @for(purpose: SUPPORT) { … }`)
//	s.Gateways[1].Redis.Partition() // the second replica is cut off from Redis, the first is not
//
// With Links every gateway reaches each service through a proxy of its own, which can delay, cut, silence and refuse
// (toxiproxy). `make up` runs the same stack for people.
package stack
