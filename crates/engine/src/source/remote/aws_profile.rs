//! The files of the AWS command line: `~/.aws/credentials` and `~/.aws/config`.
//!
//! Keys, region and endpoint of the profile. Profiles that ask another program or a login page
//! for keys have none in the file: `aws configure export-credentials --format env` does that.

use object_store_cloud::aws::AmazonS3ConfigKey;
use std::{
    env,
    path::{Path, PathBuf},
};

const KEYS: [(&str, AmazonS3ConfigKey); 5] = [
    ("aws_access_key_id", AmazonS3ConfigKey::AccessKeyId),
    ("aws_secret_access_key", AmazonS3ConfigKey::SecretAccessKey),
    ("aws_session_token", AmazonS3ConfigKey::Token),
    ("region", AmazonS3ConfigKey::Region),
    ("endpoint_url", AmazonS3ConfigKey::Endpoint),
];

/// What the files say of the profile `AWS_PROFILE`, or `default`.
pub(super) fn read() -> Vec<(AmazonS3ConfigKey, String)> {
    let profile = env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into());
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let file = |variable: &str, usual: &str| match env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => home.join(".aws").join(usual),
    };
    let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let credentials = text(&file("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
    let config = text(&file("AWS_CONFIG_FILE", "config"));
    [section(&credentials, &profile), section(&config, &profile)].concat()
}

/// The known keys of a section, which is called `[name]` or `[profile name]`.
fn section(text: &str, profile: &str) -> Vec<(AmazonS3ConfigKey, String)> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix('[') {
            let name = name.split(']').next().unwrap_or_default().trim();
            inside = name.strip_prefix("profile ").unwrap_or(name).trim() == profile;
            continue;
        }
        // An indented line belongs to the key before it.
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        if !inside || line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        let known = KEYS.iter().find(|(name, _)| *name == key.trim());
        found.extend(known.map(|(_, key)| (*key, value.trim().to_owned())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_and_nothing_of_another() {
        let text = "[default]\naws_access_key_id = A\n\n[profile work]\n# a note\nregion=eu-west-1\n\
            s3 =\n  endpoint_url = http://other\naws_access_key_id=B\nunknown = x\n[third]\nregion=us-east-1\n";
        assert_eq!(
            section(text, "work"),
            [
                (AmazonS3ConfigKey::Region, "eu-west-1".to_owned()),
                (AmazonS3ConfigKey::AccessKeyId, "B".to_owned())
            ]
        );
        assert!(section(text, "none").is_empty());
    }
}
