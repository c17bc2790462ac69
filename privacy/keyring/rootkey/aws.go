package rootkey

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
)

const awsPrefix = "aws-kms://"

// An alias can be made to point to another key, so a key's own ARN is the better name. Both work.
var awsARN = regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:(key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)$`)

// openAWS names the key in every request: without it the service would unwrap with any key of the account that fits, and
// take what somebody else wrapped.
func openAWS(uri string, limit time.Duration) (Root, error) {
	arn, region, err := parseAWS(uri)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return nil, fmt.Errorf("root key %s: read the AWS configuration: %w", uri, err)
	}
	client := kms.NewFromConfig(cfg)
	if err := checkEndpoint(client.Options().BaseEndpoint); err != nil {
		return nil, fmt.Errorf("root key %s: %w", uri, err)
	}
	a, err := awskms.NewAEADWithContext(ctx, arn, awskms.WithKMS(client))
	if err != nil {
		return nil, fmt.Errorf("root key %s: %w", uri, err)
	}
	return &service{uri: uri, limit: limit, aead: a, binds: true, explain: explainAWS}, nil
}

func parseAWS(uri string) (arn, region string, err error) {
	arn = strings.TrimPrefix(uri, awsPrefix)
	m := awsARN.FindStringSubmatch(arn)
	if m == nil || arn == uri {
		return "", "", errors.New("root key: the URI names no key of AWS KMS: want aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID, and credentials in the environment")
	}
	return arn, m[1], nil
}

func checkEndpoint(endpoint *string) error {
	if endpoint == nil {
		return nil
	}
	u, err := url.Parse(*endpoint)
	if err != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u)) {
		return errors.New("the endpoint in AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL or the AWS configuration must be https: http shows the keys to the network, so it is for loopback only")
	}
	return nil
}

var (
	awsCode    = regexp.MustCompile(`^[A-Za-z]{1,40}$`)
	awsRequest = regexp.MustCompile(`^[0-9a-f-]{36}$`)
)

// explainAWS passes on the code and the number of the request, by which CloudTrail tells the rest.
func explainAWS(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		if strings.Contains(err.Error(), "get credentials") { // the SDK has no type for it
			return fmt.Errorf("%w: there are no AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID, or give the machine a role: %w", ErrUnreachable, err)
		}
		return noAnswer(err)
	}
	code := "an unknown code"
	if awsCode.MatchString(api.ErrorCode()) {
		code = api.ErrorCode()
	}
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) && awsRequest.MatchString(resp.ServiceRequestID()) {
		code += ", request " + resp.ServiceRequestID()
	}
	switch api.ErrorCode() {
	case "InvalidCiphertextException", "IncorrectKeyException":
		return fmt.Errorf("%w: is it the URI that belongs to this database? (%s)", ErrWrongKey, code)
	case "NotFoundException":
		return fmt.Errorf("%w: mend the ARN; a key that was deleted cannot be had back (%s)", ErrMissing, code)
	case "InvalidKeyUsageException":
		return fmt.Errorf("%w: it takes a symmetric key for ENCRYPT_DECRYPT (%s)", ErrUnfit, code)
	case "DisabledException", "KMSInvalidStateException":
		return fmt.Errorf("%w: the key is disabled or about to be deleted: enable it, cancel the deletion (%s)", ErrUnreachable, code)
	case "AccessDeniedException":
		return fmt.Errorf("%w: allow kms:Encrypt and kms:Decrypt on this key to the role that is used (%s)", ErrUnreachable, code)
	case "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "MissingAuthenticationTokenException", "IncompleteSignatureException":
		return fmt.Errorf("%w: the AWS credentials are missing, expired or wrong (%s)", ErrUnreachable, code)
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, code)
}
