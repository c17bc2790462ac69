package ory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"time"

	kratos "github.com/ory/kratos-client-go"
)

// CookieName is what Kratos calls its cookie.
const CookieName = "ory_kratos_session"

// Token signs somebody in with their password, as a program does, and returns the session token.
func (s *Server) Token(ctx context.Context, i *Identity) (string, error) {
	api := client(s.Public, nil).FrontendAPI
	flow, resp, err := api.CreateNativeLoginFlow(ctx).Execute()
	if err := done(resp, err); err != nil {
		return "", fmt.Errorf("begin to sign in: %w", err)
	}
	got, err := submit(ctx, api, flow, "", kratos.UpdateLoginFlowBody{
		UpdateLoginFlowWithPasswordMethod: &kratos.UpdateLoginFlowWithPasswordMethod{Method: "password", Identifier: i.Email, Password: i.Password}})
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	return got.GetSessionToken(), nil
}

var digits = regexp.MustCompile(`\b\d{6}\b`)

// TokenByMail signs somebody in with the code they are sent. It is one that came after the call only if it is their first.
func (s *Server) TokenByMail(ctx context.Context, i *Identity) (string, error) {
	api := client(s.Public, nil).FrontendAPI
	flow, resp, err := api.CreateNativeLoginFlow(ctx).Execute()
	if err := done(resp, err); err != nil {
		return "", fmt.Errorf("begin to sign in: %w", err)
	}
	code := func(code *string) (*kratos.SuccessfulNativeLogin, error) {
		return submit(ctx, api, flow, "", kratos.UpdateLoginFlowBody{
			UpdateLoginFlowWithCodeMethod: &kratos.UpdateLoginFlowWithCodeMethod{Method: "code", Identifier: &i.Email, Code: code}})
	}
	// 400 is how Kratos says that it has sent a code and now wants it.
	if _, err := code(nil); err == nil {
		return "", errors.New("sign in: Kratos wants no code")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := s.Mail.Wait(ctx, i.Email)
	if err != nil {
		return "", err
	}
	sent := digits.FindString(m.Text)
	got, err := code(&sent)
	if err != nil {
		return "", fmt.Errorf("sign in with a code: %w", err)
	}
	return got.GetSessionToken(), nil
}

// Cookie signs somebody in with their password, as a browser does.
func (s *Server) Cookie(ctx context.Context, i *Identity) (*http.Cookie, error) {
	b, err := s.browser(nil)
	if err != nil {
		return nil, err
	}
	flow, resp, err := b.api.CreateBrowserLoginFlow(ctx).Execute()
	if err := done(resp, err); err != nil {
		return nil, fmt.Errorf("begin to sign in: %w", err)
	}
	csrf := value(flow.Ui, "csrf_token")
	if _, err = submit(ctx, b.api, flow, "", kratos.UpdateLoginFlowBody{
		UpdateLoginFlowWithPasswordMethod: &kratos.UpdateLoginFlowWithPasswordMethod{Method: "password", Identifier: i.Email, Password: i.Password, CsrfToken: &csrf}}); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return b.cookie()
}

// StepUp proves the second factor for a session: the token it belongs to is AAL2 from here on. Who has no second factor yet
// gets one.
func (s *Server) StepUp(ctx context.Context, i *Identity, token string) error {
	api := client(s.Public, nil).FrontendAPI
	if i.secret == "" {
		if err := enrol(ctx, api, i, token); err != nil {
			return fmt.Errorf("enrol a second factor: %w", err)
		}
	}
	flow, resp, err := api.CreateNativeLoginFlow(ctx).Aal("aal2").Refresh(true).XSessionToken(token).Execute()
	if err := done(resp, err); err != nil {
		return fmt.Errorf("begin to step up: %w", err)
	}
	code, err := oneTime(i.secret, time.Now())
	if err != nil {
		return err
	}
	if _, err := submit(ctx, api, flow, token, kratos.UpdateLoginFlowBody{
		UpdateLoginFlowWithTotpMethod: &kratos.UpdateLoginFlowWithTotpMethod{Method: "totp", TotpCode: code}}); err != nil {
		return fmt.Errorf("step up: %w", err)
	}
	return nil
}

// StepUpCookie does the same in a browser, and returns the cookie it has then.
func (s *Server) StepUpCookie(ctx context.Context, i *Identity, cookie *http.Cookie) (*http.Cookie, error) {
	if i.secret == "" {
		return nil, errors.New("step up in a browser: there is no second factor yet; StepUp enrols one")
	}
	b, err := s.browser(cookie)
	if err != nil {
		return nil, err
	}
	flow, resp, err := b.api.CreateBrowserLoginFlow(ctx).Aal("aal2").Refresh(true).Execute()
	if err := done(resp, err); err != nil {
		return nil, fmt.Errorf("begin to step up: %w", err)
	}
	code, err := oneTime(i.secret, time.Now())
	if err != nil {
		return nil, err
	}
	csrf := value(flow.Ui, "csrf_token")
	if _, err := submit(ctx, b.api, flow, "", kratos.UpdateLoginFlowBody{
		UpdateLoginFlowWithTotpMethod: &kratos.UpdateLoginFlowWithTotpMethod{Method: "totp", TotpCode: code, CsrfToken: &csrf}}); err != nil {
		return nil, fmt.Errorf("step up: %w", err)
	}
	return b.cookie()
}

func enrol(ctx context.Context, api kratos.FrontendAPI, i *Identity, token string) error {
	flow, resp, err := api.CreateNativeSettingsFlow(ctx).XSessionToken(token).Execute()
	if err := done(resp, err); err != nil {
		return err
	}
	secret := value(flow.Ui, "totp_secret_key")
	code, err := oneTime(secret, time.Now())
	if err != nil {
		return err
	}
	_, resp, err = api.UpdateSettingsFlow(ctx).Flow(flow.Id).XSessionToken(token).UpdateSettingsFlowBody(kratos.UpdateSettingsFlowBody{
		UpdateSettingsFlowWithTotpMethod: &kratos.UpdateSettingsFlowWithTotpMethod{Method: "totp", TotpCode: &code}}).Execute()
	if err := done(resp, err); err != nil {
		return err
	}
	i.secret = secret
	return nil
}

func submit(ctx context.Context, api kratos.FrontendAPI, flow *kratos.LoginFlow, token string, body kratos.UpdateLoginFlowBody) (*kratos.SuccessfulNativeLogin, error) {
	update := api.UpdateLoginFlow(ctx).Flow(flow.Id).UpdateLoginFlowBody(body)
	if token != "" {
		update = update.XSessionToken(token)
	}
	got, resp, err := update.Execute()
	return got, done(resp, err)
}

// browser is a client that keeps cookies.
type browser struct {
	at  *url.URL
	jar *cookiejar.Jar
	api kratos.FrontendAPI
}

func (s *Server) browser(with *http.Cookie) (*browser, error) {
	at, err := url.Parse(s.Public)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	if with != nil {
		jar.SetCookies(at, []*http.Cookie{with})
	}
	return &browser{at, jar, client(s.Public, jar).FrontendAPI}, nil
}

func (b *browser) cookie() (*http.Cookie, error) {
	for _, c := range b.jar.Cookies(b.at) {
		if c.Name == CookieName {
			return c, nil
		}
	}
	return nil, errors.New("sign in: no cookie came of it")
}

// value is what a flow's form shows under a name: of an input, or of a text.
func value(ui kratos.UiContainer, name string) string {
	for _, n := range ui.Nodes {
		if in := n.Attributes.UiNodeInputAttributes; in != nil && in.Name == name {
			text, _ := in.Value.(string)
			return text
		}
		if text := n.Attributes.UiNodeTextAttributes; text != nil && text.Id == name {
			secret, _ := text.Text.Context["secret"].(string)
			return secret
		}
	}
	return ""
}
