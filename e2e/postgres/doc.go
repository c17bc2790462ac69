// Package postgres gives a test a PostgreSQL database of its own.
//
//	func TestSomething(t *testing.T) {
//		url := postgres.Start(t) // an empty database, gone when the test is
//		…
//	}
//
// The first call in a test process starts a private server on a Unix socket that nobody else can reach; it goes away with
// the process, however that ends. CLOAKROOM_TEST_POSTGRES=postgres://… uses a running server instead; its user must be
// allowed to create databases.
//
// Where there is no PostgreSQL a test is skipped and says so. CLOAKROOM_REQUIRE_POSTGRES=1 turns that into a failure, so
// that a build server cannot be green for want of a database.
package postgres
