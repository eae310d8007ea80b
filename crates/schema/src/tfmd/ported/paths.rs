//! `path_test.cc` and `features_needed_test.cc`.

use super::{path, ported};
use crate::tfmd::data_validation::FeaturesNeededProto;
use crate::tfmd::{FeaturePath, FeaturesNeeded, from_text};
use std::cmp::Ordering;

const ABC: [&str; 3] = ["a", "b", "c"];
const AB: [&str; 2] = ["a", "b"];

ported! {
    path_as_proto = "tensorflow_data_validation/anomalies/path_test.cc:Path.AsProto:1" => {
        let message = path(ABC).to_message();
        assert_eq!(message.step, ABC);
        assert_eq!(FeaturePath::from(&message), path(ABC));
    }
    path_compare = "tensorflow_data_validation/anomalies/path_test.cc:Path.Compare:1" => {
        assert_eq!(path(ABC).cmp(&path(AB)), Ordering::Greater);
        assert_eq!(path(AB).cmp(&path(ABC)), Ordering::Less);
        assert_eq!(path(ABC).cmp(&path(ABC)), Ordering::Equal);
        assert_eq!(path(ABC).cmp(&path(["a", "d", "c"])), Ordering::Less);
        assert_eq!(path(["a", "d", "c"]).cmp(&path(ABC)), Ordering::Greater);
        assert_eq!(path([]).cmp(&path([])), Ordering::Equal);
    }
    path_less = "tensorflow_data_validation/anomalies/path_test.cc:Path.Less:1" => {
        assert!(path(AB) < path(ABC));
        assert!(!path(ABC).lt(&path(AB)));
        assert!(!path(ABC).lt(&path(ABC)));
    }
    path_greater_or_equal = "tensorflow_data_validation/anomalies/path_test.cc:Path.GreaterOrEqual:1" => {
        assert!(path(ABC) >= path(AB));
        assert!(path(ABC).ge(&path(ABC)));
        assert!(!path(AB).ge(&path(ABC)));
    }
    path_greater = "tensorflow_data_validation/anomalies/path_test.cc:Path.Greater:1" => {
        assert!(path(ABC) > path(AB));
        assert!(!path(AB).gt(&path(ABC)));
        assert!(!path(ABC).gt(&path(ABC)));
    }
    path_less_or_equal = "tensorflow_data_validation/anomalies/path_test.cc:Path.LessOrEqual:1" => {
        assert!(path(AB) <= path(ABC));
        assert!(path(ABC).le(&path(ABC)));
        assert!(!path(ABC).le(&path(AB)));
    }
    path_equal = "tensorflow_data_validation/anomalies/path_test.cc:Path.Equal:1" => {
        assert_eq!(path(ABC), path(ABC));
        assert!(!path(ABC).eq(&path(AB)));
        assert!(!path(AB).eq(&path(ABC)));
    }
    path_not_equal = "tensorflow_data_validation/anomalies/path_test.cc:Path.NotEqual:1" => {
        assert_ne!(path(ABC), path(AB));
        assert_ne!(path(AB), path(ABC));
        assert!(!path(ABC).ne(&path(ABC)));
    }
    path_serialize = "tensorflow_data_validation/anomalies/path_test.cc:Path.Serialize:1" => {
        assert_eq!(path(["a", ".b", "'c'"]).to_string(), "a.'.b'.'''c'''");
        assert_eq!(path(["a", "(b'.d)", "((c)"]).to_string(), "a.(b'.d).'((c)'");
        assert_eq!(path([""]).to_string(), "''");
        assert_eq!(path([]).to_string(), "");
    }
    path_get_parent = "tensorflow_data_validation/anomalies/path_test.cc:Path.GetParent:1" => {
        assert_eq!(path(ABC).parent(), Some(path(AB)));
        assert_eq!(path(AB).parent(), Some(path(["a"])));
        assert_eq!(path([]).parent(), None);
    }
    path_get_child = "tensorflow_data_validation/anomalies/path_test.cc:Path.GetChild:1" => {
        assert_eq!(path(["a"]).child("b"), path(AB));
        assert_eq!(path([]).child("a"), path(["a"]));
    }
    path_size = "tensorflow_data_validation/anomalies/path_test.cc:Path.size:1" => {
        assert_eq!(path(ABC).len(), 3);
        assert_eq!(path([]).len(), 0);
    }
    path_empty = "tensorflow_data_validation/anomalies/path_test.cc:Path.empty:1" => {
        assert!(!path(ABC).is_empty());
        assert!(path([]).is_empty());
    }
    path_get_last_step = "tensorflow_data_validation/anomalies/path_test.cc:Path.GetLastStep:1" => {
        assert_eq!(path(ABC).last(), Some("c"));
        assert_eq!(path(["a"]).last(), Some("a"));
    }
    features_needed_to_proto_and_back = "tensorflow_data_validation/anomalies/features_needed_test.cc:FeaturesNeededTest.CppToProtoToCpp:1" => {
        let needed = FeaturesNeeded(
            [(path(ABC), vec!["test1".to_owned(), "test2".to_owned()])].into(),
        );
        let message: FeaturesNeededProto = from_text(
            "test",
            "path_and_reason_feature_need {
               path { step: 'a' step: 'b' step: 'c' }
               reason_feature_needed { comment: 'test1' }
               reason_feature_needed { comment: 'test2' }
             }",
        )
        .unwrap();
        assert_eq!(needed.to_message(), message);
        assert_eq!(FeaturesNeeded::from(&message), needed);
    }
}
