// Package e2e holds the tests that look at Cloakroom from outside, and the rule of the house: who may import whom.
package e2e
