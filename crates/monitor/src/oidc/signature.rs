//! Signatures of tokens under the public keys of their issuer (RFC 7515, 7517, 7518, 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;

/// An algorithm that is taken: all of them have a private and a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    const ALL: [(&str, Self); 9] = [
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
    ];

    /// That of a token's header, where it is taken.
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, algorithm)| *algorithm)
    }

    fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, algorithm)| *algorithm == self);
        found.map_or("", |(name, _)| name)
    }

    fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &RSA_PSS_2048_8192_SHA512,
            Self::Es256 | Self::Es384 | Self::EdDsa => return None,
        })
    }

    /// The curve and its algorithm; where it is one.
    fn curve(self) -> Option<(&'static str, &'static dyn VerificationAlgorithm)> {
        Some(match self {
            Self::Es256 => ("P-256", &ECDSA_P256_SHA256_FIXED),
            Self::Es384 => ("P-384", &ECDSA_P384_SHA384_FIXED),
            Self::EdDsa => ("Ed25519", &ED25519),
            _ => return None,
        })
    }
}

/// A public key as its issuer publishes it; what is not needed of it is not read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PublicKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl PublicKey {
    /// Its name among the issuer's keys.
    pub(super) fn id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether it is made for signatures of this algorithm.
    pub(super) fn serves(&self, algorithm: Algorithm) -> bool {
        let is_for_signatures = self
            .purpose
            .as_deref()
            .is_none_or(|purpose| purpose == "sig");
        let is_for_it = self
            .alg
            .as_deref()
            .is_none_or(|alg| alg == algorithm.name());
        let is_of_its_kind = match algorithm.curve() {
            None => self.kty == "RSA",
            Some((curve, _)) => {
                let kind = if algorithm == Algorithm::EdDsa {
                    "OKP"
                } else {
                    "EC"
                };
                self.kty == kind && self.crv.as_deref() == Some(curve)
            }
        };
        is_for_signatures && is_for_it && is_of_its_kind
    }

    /// Whether the holder of the private key signed this.
    pub(super) fn has_signed(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        self.serves(algorithm) && self.check(algorithm, message, signature).is_some()
    }

    fn check(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Option<()> {
        let bytes = |field: &Option<String>| URL_SAFE_NO_PAD.decode(field.as_deref()?).ok();
        if let Some(parameters) = algorithm.rsa() {
            let key = RsaPublicKeyComponents {
                n: bytes(&self.n)?,
                e: bytes(&self.e)?,
            };
            return key.verify(parameters, message, signature).ok();
        }
        let (_, verifies) = algorithm.curve()?;
        let mut key = bytes(&self.x)?;
        if self.kty == "EC" {
            // An uncompressed point (SEC 1, section 2.3.3).
            key.insert(0, 4);
            key.extend(bytes(&self.y)?);
        }
        UnparsedPublicKey::new(verifies, key)
            .verify(message, signature)
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A key, an algorithm, and what is signed with its signature, as a standard prints them.
    fn printed() -> Vec<(Value, &'static str, &'static str, &'static str)> {
        vec![
            // RFC 7515, appendix A.2.
            (
                json!({
                    "kty": "RSA",
                    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
                    "e": "AQAB",
                }),
                "RS256",
                "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            ),
            // RFC 7515, appendix A.3.
            (
                json!({
                    "kty": "EC",
                    "crv": "P-256",
                    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
                }),
                "ES256",
                "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ),
            // RFC 8037, appendix A.4.
            (
                json!({
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                }),
                "EdDSA",
                "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            ),
        ]
    }

    #[test]
    fn signatures_that_the_standards_print_hold_and_no_others() {
        for (key, name, message, signature) in printed() {
            let key: PublicKey = serde_json::from_value(key).unwrap();
            let algorithm = Algorithm::named(name).unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            let holds = |message: &str, signature: &[u8]| {
                key.has_signed(algorithm, message.as_bytes(), signature)
            };
            assert!(holds(message, &signature), "{name}");
            assert!(!holds(&format!("{message}x"), &signature), "{name}");
            let mut other = signature.clone();
            other[10] ^= 1;
            assert!(!holds(message, &other), "{name}");
            assert!(!holds(message, &[]), "{name}");
            for (other, wrong) in Algorithm::ALL {
                let taken = key.has_signed(wrong, message.as_bytes(), &signature);
                assert_eq!(taken, wrong == algorithm, "{name} as {other}");
            }
        }
    }

    #[test]
    fn what_has_no_public_key_is_no_algorithm() {
        for name in ["none", "None", "", "HS256", "HS512", "rs256", "ES256K"] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_key_for_encryption_or_another_algorithm_signs_nothing() {
        let (key, name, message, signature) = printed().swap_remove(1);
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for (field, value) in [
            ("use", "enc"),
            ("alg", "ES384"),
            ("crv", "P-384"),
            ("x", "AA"),
        ] {
            let mut key = key.clone();
            key[field] = value.into();
            let key: PublicKey = serde_json::from_value(key).unwrap();
            let algorithm = Algorithm::named(name).unwrap();
            assert!(
                !key.has_signed(algorithm, message.as_bytes(), &signature),
                "{field}"
            );
        }
    }
}
