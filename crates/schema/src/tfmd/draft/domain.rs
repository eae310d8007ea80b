//! Which values a feature may have: one file for each kind of domain.

pub(crate) mod boolean;
pub(crate) mod float;
pub(crate) mod image;
pub(crate) mod integer;
pub(crate) mod natural_language;
pub(crate) mod semantic;
pub(crate) mod string;

use crate::tfmd::FeatureType;
use crate::tfmd::feature::DomainInfo;

/// The name of the field that holds the domain, as in a schema file.
pub(crate) fn field_name(domain: &DomainInfo) -> &'static str {
    match domain {
        DomainInfo::Domain(_) => "domain",
        DomainInfo::IntDomain(_) => "int_domain",
        DomainInfo::FloatDomain(_) => "float_domain",
        DomainInfo::StringDomain(_) => "string_domain",
        DomainInfo::BoolDomain(_) => "bool_domain",
        DomainInfo::StructDomain(_) => "struct_domain",
        DomainInfo::NaturalLanguageDomain(_) => "natural_language_domain",
        DomainInfo::ImageDomain(_) => "image_domain",
        DomainInfo::AudioDomain(_) => "audio_domain",
        DomainInfo::VideoDomain(_) => "video_domain",
        DomainInfo::ContentChunkDomain(_) => "content_chunk_domain",
        DomainInfo::MidDomain(_) => "mid_domain",
        DomainInfo::UrlDomain(_) => "url_domain",
        DomainInfo::TimeDomain(_) => "time_domain",
        DomainInfo::TimeOfDayDomain(_) => "time_of_day_domain",
    }
}

/// Whether a domain can hold values of the type.
pub(crate) fn allows(domain: &DomainInfo, kind: FeatureType) -> bool {
    use FeatureType::{Bytes, Float, Int, Struct};
    let allowed: &[FeatureType] = match domain {
        DomainInfo::Domain(_)
        | DomainInfo::StringDomain(_)
        | DomainInfo::ImageDomain(_)
        | DomainInfo::MidDomain(_)
        | DomainInfo::UrlDomain(_) => &[Bytes],
        DomainInfo::IntDomain(_)
        | DomainInfo::NaturalLanguageDomain(_)
        | DomainInfo::TimeDomain(_) => &[Int, Bytes],
        DomainInfo::FloatDomain(_) => &[Float, Bytes],
        DomainInfo::BoolDomain(_) => &[Int, Float, Bytes],
        DomainInfo::StructDomain(_) => &[Struct],
        DomainInfo::AudioDomain(_)
        | DomainInfo::VideoDomain(_)
        | DomainInfo::ContentChunkDomain(_)
        | DomainInfo::TimeOfDayDomain(_) => &[Int, Float, Bytes, Struct],
    };
    allowed.contains(&kind)
}
