//! `custom_domain_util_test.cc`, `image_domain_test.cc`, `string_domain_test.cc`.

use super::{ported, read, with_feature};
use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::data_validation::{EnumsSimilarConfig, FeatureStatisticsToProtoConfig};
use crate::tfmd::draft::domain::{image, semantic, string};
use crate::tfmd::reason::Repair;
use crate::tfmd::rules::Rules;
use crate::tfmd::{Feature, FeatureNameStatistics, ImageDomain, StringDomain};

/// Whether a feature takes a domain from these custom statistics, and what it is then.
fn adopt(feature: &str, infos: &[&str]) -> (bool, Feature) {
    let custom: String = infos
        .iter()
        .map(|info| format!("custom_stats {{ name: 'domain_info' str: {info:?} }}"))
        .collect();
    let statistics: FeatureNameStatistics = read(&format!("name: 'a' {custom}"));
    let mut feature: Feature = read(feature);
    (
        semantic::adopt(&statistics.custom_stats, &mut feature),
        feature,
    )
}

fn image_domain(text: &str, statistics: &str) -> (ImageDomain, Vec<Reason>) {
    let mut domain = ImageDomain::default();
    if let Some(crate::tfmd::feature::DomainInfo::ImageDomain(read)) =
        read::<Feature>(&format!("image_domain {{ {text} }}")).domain_info
    {
        domain = read;
    }
    let reasons = with_feature(statistics, |view| image::update(view, &mut domain));
    (domain, reasons)
}

/// Images by format, the largest of 10 bytes.
fn images(jpeg: u32, png: u32, unknown: u32) -> String {
    format!(
        "name: 'bar' type: BYTES
         bytes_stats {{ common_stats {{ num_non_missing: 10 }} max_num_bytes_int: 10 }}
         custom_stats {{
           name: 'image_format_histogram'
           rank_histogram {{
             buckets {{ label: 'jpeg' sample_count: {jpeg} }}
             buckets {{ label: 'png' sample_count: {png} }}
             buckets {{ label: 'UNKNOWN' sample_count: {unknown} }}
           }}
         }}"
    )
}

/// What an `alpha`-or-`beta` domain becomes of strings, with the largest size allowed.
fn strings(total: u32, alpha: u32, gamma: f64, delete_at: Option<i32>) -> (StringDomain, Repair) {
    let mut domain: StringDomain = read("name: 'MyEnum' value: 'alpha' value: 'beta'");
    let rules = Rules::new(&FeatureStatisticsToProtoConfig {
        enum_delete_threshold: delete_at,
        ..FeatureStatisticsToProtoConfig::default()
    });
    let repair = with_feature(
        &format!(
            "name: 'bar' type: STRING
             string_stats {{
               common_stats {{ tot_num_values: {total} }}
               rank_histogram {{
                 buckets {{ label: 'alpha' sample_count: {alpha} }}
                 buckets {{ label: 'gamma' sample_count: {gamma} }}
               }}
             }}"
        ),
        |view| string::update(view, &rules, 0.0, &mut domain),
    );
    (domain, repair)
}

const ALPHA_AND_BETA: &str = "
    name: 'bar' type: STRING
    string_stats {
      common_stats { num_missing: 3 max_num_values: 2 }
      rank_histogram {
        buckets { label: 'beta' sample_count: 234 }
        buckets { label: 'alpha' sample_count: 123 }
      }
    }";

/// An empty domain, after both strings.
fn filled() -> StringDomain {
    let mut domain: StringDomain = read("name: 'MyEnum'");
    let rules = Rules::new(&FeatureStatisticsToProtoConfig::default());
    with_feature(ALPHA_AND_BETA, |view| {
        string::update(view, &rules, 0.0, &mut domain);
    });
    domain
}

ported! {
    a_domain_is_not_replaced = "tensorflow_data_validation/anomalies/custom_domain_util_test.cc:CustomDomainUtilTest.FailureOnFeatureWithDomain:1" => {
        let (taken, feature) = adopt("string_domain {}", &["natural_language_domain {}"]);
        assert!(!taken);
        assert_eq!(feature, read("string_domain {}"));
    }
    an_invalid_domain_is_not_taken = "tensorflow_data_validation/anomalies/custom_domain_util_test.cc:CustomDomainUtilTest.FailureOnInvalidDomainValue:1" => {
        for info in ["", "this says nothing", "name: 'another field' image_domain {}", "type: INT"] {
            assert_eq!(adopt("", &[info]), (false, Feature::default()), "{info}");
        }
        assert_eq!(
            adopt("", &["mid_domain {}", "url_domain {}"]),
            (false, Feature::default())
        );
        assert_eq!(adopt("", &["mid_domain {}"]), (true, read("mid_domain {}")));
    }
    enough_images_are_readable = "tensorflow_data_validation/anomalies/image_domain_test.cc:ImageTypeTest.IsValidWithSupportedImageFraction:1" => {
        let (domain, reasons) =
            image_domain("minimum_supported_image_fraction: 0.85", &images(6, 3, 1));
        assert!(reasons.is_empty());
        assert_eq!(domain.minimum_supported_image_fraction, Some(0.85));
    }
    images_are_small_enough = "tensorflow_data_validation/anomalies/image_domain_test.cc:ImageTypeTest.IsValidWithMaxImageByteSize:1" => {
        let (domain, reasons) = image_domain("max_image_byte_size: 1000", &images(6, 3, 1));
        assert!(reasons.is_empty());
        assert_eq!(domain.max_image_byte_size, Some(1000));
    }
    images_too_large_and_unreadable = "tensorflow_data_validation/anomalies/image_domain_test.cc:ImageTypeTest.MultipleAnomalies:1" => {
        let (domain, reasons) = image_domain(
            "minimum_supported_image_fraction: 0.85 max_image_byte_size: 1",
            &images(5, 3, 2),
        );
        let [share, size] = reasons.as_slice() else { panic!("{reasons:?}") };
        assert_eq!(share.r#type(), Type::LowSupportedImageFraction);
        assert_eq!(share.short_description(), "Low supported image fraction");
        assert_eq!(
            share.description(),
            "Fraction of values containing TensorFlow supported images: 0.800000 is lower than \
             the threshold set in the Schema: 0.850000."
        );
        assert_eq!(size.r#type(), Type::MaxImageByteSizeExceeded);
        assert_eq!(size.short_description(), "Num bytes exceeds the max byte size.");
        assert_eq!(
            size.description(),
            "The largest image has bytes: 10. The max allowed byte size is: 1."
        );
        assert_eq!(domain.minimum_supported_image_fraction, Some(0.8));
        assert_eq!(domain.max_image_byte_size, Some(10));
    }
    shares_of_unexpected_strings = "tensorflow_data_validation/anomalies/string_domain_test.cc:EnumType.SurfaceFrequenciesOfMissingValues:1" => {
        for (total, alpha, gamma, share) in [(10, 7, 3.0, "gamma (~30%)"), (124, 123, 0.05, "gamma (<1%)")] {
            let (_, repair) = strings(total, alpha, gamma, None);
            assert_eq!(repair.reasons.len(), 1);
            let text = repair.reasons[0].description();
            assert!(text.contains(share), "{text}");
        }
    }
    a_domain_of_limited_size = "tensorflow_data_validation/anomalies/string_domain_test.cc:EnumType.DomainSizeLimit:1" => {
        let (_, repair) = strings(10, 7, 3.0, Some(1));
        assert!(repair.clear);
        assert_eq!(repair.reasons.len(), 2);
        assert!(repair.reasons[0].description().contains("gamma (~30%)"));
        assert!(repair.reasons[1].description().contains("too many values"));
        let (domain, repair) = strings(10, 7, 3.0, Some(10));
        assert!(!repair.clear);
        assert_eq!(repair.reasons.len(), 1);
        assert_eq!(domain.value, ["alpha", "beta", "gamma"]);
    }
    strings_are_added = "tensorflow_data_validation/anomalies/string_domain_test.cc:Enum.Add:1" => {
        assert_eq!(filled(), read("name: 'MyEnum' value: 'alpha' value: 'beta'"));
    }
    strings_are_added_in_their_order = "tensorflow_data_validation/anomalies/string_domain_test.cc:Enum.GetMissingUnweighted:1" => {
        assert_eq!(filled().value, ["alpha", "beta"]);
    }
    a_domain_is_similar_to_itself = "tensorflow_data_validation/anomalies/string_domain_test.cc:Enum.IsSimilar:1" => {
        let domain: StringDomain = read("value: 'foo' value: 'bar' value: 'baz'");
        let config = EnumsSimilarConfig::default();
        assert!(string::similar(&domain, &domain, &config));
        // A small one only to itself, a large one also to what shares most of it.
        assert!(!string::similar(&domain, &read("value: 'foo' value: 'bar'"), &config));
        let numbers = |range: std::ops::Range<u32>| StringDomain {
            value: range.map(|number| number.to_string()).collect(),
            ..StringDomain::default()
        };
        assert!(string::similar(&numbers(0..20), &numbers(3..23), &config));
        assert!(!string::similar(&numbers(0..20), &numbers(10..30), &config));
    }
    a_domain_without_repeats_stays = "tensorflow_data_validation/anomalies/string_domain_test.cc:UpdateStringDomainSelf.NoProblems:1" => {
        let mut domain: StringDomain = read("name: 'MyEnum' value: 'alpha' value: 'beta'");
        assert!(string::update_self(&mut domain).is_empty());
        assert_eq!(domain, read("name: 'MyEnum' value: 'alpha' value: 'beta'"));
        let mut repeated: StringDomain = read("value: 'a' value: 'b' value: 'a'");
        let reasons = string::update_self(&mut repeated);
        assert_eq!(reasons[0].description(), "Repeated values in StringDomain:a");
        assert_eq!(repeated.value, ["a", "b"]);
    }
}
