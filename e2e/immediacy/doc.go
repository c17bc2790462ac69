// Package immediacy proves that who has withdrawn consent is shown no more: thousands of withdrawals, each followed by reads at
// every gateway, while services are cut off and gateways die. The same tests are run on programs with mistakes, and must find them.
package immediacy
