package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloakroom-crm/cloakroom/server"
)

// newHealth is for containers: an image without a shell has nothing else to ask with.
func newHealth() *cobra.Command {
	c := &cobra.Command{
		Use:   "health",
		Short: "ask the server on this machine whether it answers operations",
		Long: `Ask /readyz at the address of health, --admin, and print what it says. Exit code 1 means that the server does not answer
operations, or is not there. It is meant for the health check of a container.`,
		Example: `  cloakroom health
  cloakroom health --admin 127.0.0.1:9081`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return health(c) },
	}
	c.Flags().String("admin", server.Default().Admin, "address of health, host:port")
	return c
}

func health(c *cobra.Command) error {
	config, err := server.Load(c.Flags(), os.Environ())
	if err != nil {
		return err
	}
	if config.Admin == "" {
		return errors.New("admin: the server has no address of health, so there is nobody to ask")
	}
	host, port, err := net.SplitHostPort(config.Admin)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens everywhere, here too
	}
	req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(c.OutOrStdout(), io.LimitReader(resp.Body, 64<<10)); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errFindings
	}
	return nil
}
