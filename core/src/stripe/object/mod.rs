//! Stripe's objects, one file each, as far as rows need them.
//!
//! An event keeps the shape of the API version that it was rendered with, and one endpoint can receive several
//! versions. So each reader accepts every shape, and none asks for a configured version.

pub mod charge;
pub mod credit_note;
pub mod customer;
pub mod dispute;
pub mod entitlements;
pub mod fraud_warning;
pub mod invoice;
pub mod invoice_line;
pub mod invoice_payment;
pub mod line_items;
pub mod money_state;
pub mod payment_intent;
pub mod payment_method;
pub mod price;
pub mod product;
pub mod refund;
pub mod session;
pub mod subscription;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::metadata_prefix;
use crate::subject::Subject;

/// Reads the id of another object, which is there as a string, or expanded as the whole object.
pub(crate) fn reference<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Reference;
    impl<'de> Visitor<'de> for Reference {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an id, an expanded object, or null")
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_str<E: de::Error>(self, id: &str) -> Result<Self::Value, E> {
            Ok(Some(id.to_owned()).filter(|id| !id.is_empty()))
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut id = None;
            while let Some(key) = map.next_key::<String>()? {
                if key == "id" && id.is_none() {
                    id = map.next_value::<Option<String>>()?;
                } else if key == "id" {
                    return Err(de::Error::duplicate_field("id"));
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(id)
        }
    }
    deserializer.deserialize_any(Reference)
}

/// Reads a value that Stripe may send as null: then its default.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A price or a plan: the whole object, or only its id.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Priced {
    Id(String),
    Object {
        id: String,
        #[serde(default, deserialize_with = "reference")]
        product: Option<String>,
    },
}

impl Priced {
    /// The ids of the price and its product.
    pub(crate) fn price_and_product(self) -> (Option<String>, Option<String>) {
        match self {
            Self::Id(id) => (Some(id), None),
            Self::Object { id, product } => (Some(id), product),
        }
    }
}

/// Metadata: strings by key. A repeated key is refused, because readers could disagree about which one counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata(pub BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Strings;
        impl<'de> Visitor<'de> for Strings {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("metadata")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Metadata::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut strings = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value::<Option<String>>()?.unwrap_or_default();
                    if strings.insert(key, value).is_some() {
                        return Err(de::Error::custom("a metadata key is said twice"));
                    }
                }
                Ok(Metadata(strings))
            }
        }
        deserializer.deserialize_any(Strings)
    }
}

/// What our own metadata keys on a Stripe object say. It is only a hint: whoever made the object wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// `<prefix>subject_type` and `<prefix>subject_id`; `None` unless both have a value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<Subject>,
    /// `<prefix>checkout_mode`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkout_mode: Option<String>,
    /// `<prefix>checkout_session_id`: the id of the local row.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkout_session_id: Option<String>,
}

impl Origin {
    /// Reads the keys that begin with a reserved prefix; `own` is the one that is set.
    #[must_use]
    pub fn read(metadata: &Metadata, own: &str) -> Self {
        let with = |prefix: &str, key: &str| {
            metadata.0.get(&format!("{prefix}{key}")).filter(|value| !value.is_empty()).cloned()
        };
        let value = |key: &str| metadata_prefix::all(own).find_map(|prefix| with(prefix, key));
        let subject =
            metadata_prefix::all(own).find_map(|prefix| with(prefix, "subject_type").zip(with(prefix, "subject_id")));
        Self {
            subject: subject.map(|(subject_type, subject_id)| Subject { subject_type, subject_id }),
            checkout_mode: value("checkout_mode"),
            checkout_session_id: value("checkout_session_id"),
        }
    }

    /// Whether no key has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why an object of an event can't be read. It says where, and never contains the content. Such an event becomes
/// `failed` with SQLSTATE 22023.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {object} of the event is not readable: {reason} at column {column}")]
pub struct Unreadable {
    /// Which kind of object.
    pub object: &'static str,
    /// What was expected.
    pub reason: &'static str,
    /// The column of the object's text.
    pub column: usize,
}

/// Reads an object's JSON text as `T`.
///
/// # Errors
/// [`Unreadable`].
pub fn read<T: DeserializeOwned>(object: &'static str, text: &str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| Unreadable {
        object,
        reason: match error.classify() {
            serde_json::error::Category::Data => "a field is missing, said twice, or of another type",
            _ => "it is not JSON",
        },
        column: error.column(),
    })
}

fn vec_or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A list as Stripe embeds it.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct List<T> {
    /// The objects of the page.
    #[serde(default = "Vec::new", deserialize_with = "vec_or_empty")]
    pub data: Vec<T>,
    /// Whether there are more pages.
    #[serde(default, deserialize_with = "or_default")]
    pub has_more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Named {
        #[serde(default, deserialize_with = "reference")]
        of: Option<String>,
        #[serde(default, deserialize_with = "or_default")]
        count: i64,
    }

    fn named(text: &str) -> Option<String> {
        serde_json::from_str::<Named>(text).unwrap().of
    }

    #[test]
    fn a_reference_is_an_id_or_the_object_itself() {
        assert_eq!(named(r#"{"of":"cus_1"}"#).as_deref(), Some("cus_1"));
        assert_eq!(named(r#"{"of":{"object":"customer","id":"cus_1","list":[{"id":"x"}]}}"#).as_deref(), Some("cus_1"));
        for none in ["{}", r#"{"of":null}"#, r#"{"of":""}"#, r#"{"of":{}}"#, r#"{"of":{"id":null}}"#] {
            assert_eq!(named(none), None, "{none}");
        }
        for (text, why) in [
            (r#"{"of":7}"#, "expected an id, an expanded object, or null"),
            (r#"{"of":{"id":"a","id":"b"}}"#, "duplicate field `id`"),
        ] {
            let error = serde_json::from_str::<Named>(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn null_is_the_default() {
        let count = |text: &str| serde_json::from_str::<Named>(text).unwrap().count;
        assert_eq!(["{}", r#"{"count":null}"#, r#"{"count":7}"#].map(count), [0, 0, 7]);
    }

    #[test]
    fn a_price_is_an_id_or_the_object_itself() {
        let read = |text: &str| serde_json::from_str::<Priced>(text).unwrap().price_and_product();
        let some = |id: &str| Some(id.to_owned());
        assert_eq!(read(r#""price_1""#), (some("price_1"), None));
        assert_eq!(read(r#"{"id":"price_1","product":"prod_1"}"#), (some("price_1"), some("prod_1")));
        assert_eq!(read(r#"{"id":"price_1"}"#), (some("price_1"), None));
    }

    #[test]
    fn metadata_has_each_key_once() {
        let read = |text: &str| serde_json::from_str::<Metadata>(text);
        assert_eq!(read("null").unwrap(), Metadata::default());
        let metadata = read(r#"{"a":"1","b":null}"#).unwrap();
        assert_eq!((metadata.0["a"].as_str(), metadata.0["b"].as_str()), ("1", ""));
        assert!(read(r#"{"a":"1","a":"1"}"#).unwrap_err().to_string().contains("a metadata key is said twice"));
        assert!(read("7").unwrap_err().to_string().contains("expected metadata"));
    }

    #[test]
    fn an_origin_is_what_keys_with_the_prefix_say() {
        let read = |text: &str| Origin::read(&serde_json::from_str(text).unwrap(), "app_");
        let whole = read(
            r#"{"app_subject_type":"team","app_subject_id":"t1","app_checkout_mode":"payment","app_checkout_session_id":"x"}"#,
        );
        assert_eq!(whole.subject, Some(Subject { subject_type: "team".to_owned(), subject_id: "t1".to_owned() }));
        assert_eq!(
            (whole.checkout_mode.as_deref(), whole.checkout_session_id.as_deref()),
            (Some("payment"), Some("x"))
        );
        assert!(!whole.is_empty());
        // Any reserved prefix will do, and both halves of a subject have the same one.
        let existing =
            read(r#"{"insforge_subject_type":"team","insforge_subject_id":"t2","payments_checkout_session_id":"y"}"#);
        assert_eq!(existing.subject.unwrap().subject_id, "t2");
        assert_eq!(existing.checkout_session_id.as_deref(), Some("y"));
        assert!(read(r#"{"insforge_subject_type":"team","payments_subject_id":"t2"}"#).is_empty());
        for nothing in
            ["{}", r#"{"app_subject_type":"team"}"#, r#"{"app_subject_id":""}"#, r#"{"checkout_mode":"payment"}"#]
        {
            assert!(read(nothing).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_place() {
        let error = |text: &str| read::<Named>("customer", text).unwrap_err();
        let mistyped = error(r#"{"of":7}"#);
        assert_eq!((mistyped.object, mistyped.column), ("customer", 7));
        assert_eq!(mistyped.reason, "a field is missing, said twice, or of another type");
        assert_eq!(error(r#"{"of""#).reason, "it is not JSON");
        assert_eq!(
            mistyped.to_string(),
            "the customer of the event is not readable: a field is missing, said twice, or of another type at column 7"
        );
    }

    #[test]
    fn a_list_may_lack_its_page() {
        let read = |text: &str| serde_json::from_str::<List<i64>>(text).map(|list| (list.data, list.has_more)).unwrap();
        assert_eq!(read(r#"{"data":[1,2],"has_more":true}"#), (vec![1, 2], true));
        assert_eq!(read("{}"), (vec![], false));
        assert_eq!(read(r#"{"data":null,"has_more":null}"#), (vec![], false));
    }
}
