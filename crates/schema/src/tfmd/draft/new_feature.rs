//! A feature that the schema does not have: what its statistics say of it.

use super::domain::{boolean, integer, semantic, string};
use super::{Draft, fields_mut, lengths, shape};
use crate::tfmd::feature::{DomainInfo, PresenceConstraints, ShapeType};
use crate::tfmd::feature_name_statistics::Type as Kind;
use crate::tfmd::path::FeaturePath;
use crate::tfmd::rules::Rules;
use crate::tfmd::view::FeatureView;
use crate::tfmd::{
    Feature, FeaturePresence, FeatureType, IntDomain, LifecycleStage, StringDomain, StructDomain,
};

impl Draft {
    /// Adds the feature, with the constraints that its statistics meet.
    pub(super) fn add_feature(&mut self, rules: &Rules, view: FeatureView<'_>) {
        let mut feature = Feature {
            name: view.path().last().map(str::to_owned),
            ..Feature::default()
        };
        feature.set_type(view.feature_type());
        infer_presence_and_shape(view, rules.infers_shape(), &mut feature);
        if rules.ignores(view.path()) {
            feature.set_lifecycle_stage(LifecycleStage::Deprecated);
        } else {
            if let Some(source) = view.derived_from() {
                feature.validation_derived_source = Some(source.clone());
                feature.set_lifecycle_stage(LifecycleStage::ValidationDerived);
            }
            self.infer_domain(rules, view, &mut feature);
        }
        if let Some(siblings) = self.siblings(view.path()) {
            siblings.push(feature);
        }
    }

    /// The first kind of domain that fits; strings of another kind than UTF-8 get none.
    fn infer_domain(&mut self, rules: &Rules, view: FeatureView<'_>, feature: &mut Feature) {
        if semantic::adopt(view.custom(), feature) {
            return;
        }
        if let Some(shared) = rules.shared_domain(view.path()) {
            // The feature is not made to name it: that is how TFDV has it.
            let domain = match self.string_domain(shared) {
                Some(_) => self.string_domain(shared),
                None => Some(self.new_string_domain(shared)),
            };
            if let Some(domain) = domain {
                string::update(view, rules, 0.0, domain);
            }
        } else if view.has_invalid_utf8() || view.kind() == Ok(Kind::Bytes) {
            // Not to be interpreted.
        } else if boolean::is_candidate(view) {
            feature.domain_info = Some(DomainInfo::BoolDomain(boolean::infer(view)));
        } else if integer::is_candidate(view) {
            feature.domain_info = Some(DomainInfo::IntDomain(IntDomain::default()));
        } else if string::is_candidate(view, rules) {
            let domain: &mut StringDomain = self.new_string_domain(&view.path().to_string());
            string::update(view, rules, 0.0, domain);
            feature.domain_info = Some(DomainInfo::Domain(domain.name().to_owned()));
        }
    }

    /// The list that a feature of this path belongs to; structs on the way that the
    /// statistics do not mention are made.
    fn siblings(&mut self, path: &FeaturePath) -> Option<&mut Vec<Feature>> {
        let (_, parents) = path.steps().split_last()?;
        let mut siblings = &mut self.schema.feature;
        for step in parents {
            let at = match siblings.iter().position(|feature| feature.name() == step) {
                Some(at) => at,
                None => {
                    let mut parent = Feature {
                        name: Some(step.clone()),
                        ..Feature::default()
                    };
                    parent.set_type(FeatureType::Struct);
                    siblings.push(parent);
                    siblings.len() - 1
                }
            };
            let parent = &mut siblings[at];
            if fields_mut(parent).is_none() {
                parent.domain_info = Some(DomainInfo::StructDomain(StructDomain::default()));
            }
            siblings = &mut fields_mut(parent)?.feature;
        }
        Some(siblings)
    }
}

/// Presence, and either a shape or lengths. Of a feature without examples nothing more
/// than its type is known; weights of less than one example ask for none.
pub(crate) fn infer_presence_and_shape(
    view: FeatureView<'_>,
    with_shape: bool,
    feature: &mut Feature,
) {
    let present = view.present();
    let everywhere = present > 0.0 && view.missing() == 0.0;
    feature.presence_constraints = Some(PresenceConstraints::Presence(FeaturePresence {
        min_count: Some(i64::from(present >= 1.0)),
        min_fraction: everywhere.then_some(1.0),
    }));
    if present <= 0.0 {
        return;
    }
    feature.shape_type = with_shape
        .then(|| shape::infer(view))
        .flatten()
        .map(ShapeType::Shape)
        .or_else(|| lengths::infer(view));
}
