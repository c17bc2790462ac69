package main

import "github.com/spf13/cobra"

func newConsent() *cobra.Command {
	c := group(&cobra.Command{
		Use:     "consent",
		Short:   "look into what people consented to, and bring in what they did before",
		Long:    "Look into what people consented to, verify receipts of it, and import consents from elsewhere. More is in docs/consent.md.",
		Example: `  cloakroom consent verify-receipt receipt.txt --jwks https://crm.example.com/.well-known/cloakroom/consent-jwks.json`,
	})
	c.AddCommand(newConsentVerify(), newVerifyReceipt(), newConsentImport())
	return c
}
