package publish

import (
	// The services whose keys can sign. Others are programs: see signing.OpenKey.
	_ "github.com/sigstore/sigstore/pkg/signature/kms/aws"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/gcp"
)
