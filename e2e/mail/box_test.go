package mail_test

import (
	"context"
	"errors"
	"net/smtp"
	"testing"
	"time"

	"github.com/cloakroom-crm/cloakroom/e2e/mail"
)

func TestAMessageArrives(t *testing.T) {
	box, err := mail.Open()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		body := "From: desk@example.com\r\nTo: ada@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n" +
			"Content-Type: multipart/alternative; boundary=b\r\n\r\n" +
			"--b\r\nContent-Type: text/html\r\n\r\n<p>no</p>\r\n" +
			"--b\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nyour code is 12=\r\n3456\r\n--b--\r\n"
		_ = smtp.SendMail(box.Addr, nil, "desk@example.com", []string{"ada@example.org"}, []byte(body))
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	m, err := box.Wait(ctx, "ada@example.org")
	if err != nil || m.Subject != "Grüße" || m.Text != "your code is 123456" {
		t.Errorf("%+v, %v", m, err)
	}
	if got := box.To("bob@example.org"); len(got) != 0 {
		t.Errorf("bob got %v", got)
	}
	if err := errors.Join(box.Close()); err != nil {
		t.Error(err)
	}
}
