//! The scope words of SMART App Launch 2.2.0, "Scopes for requesting FHIR resources", and of 1.0.0:
//!
//! ```text
//! (patient|user|system) "/" (resource-type|"*") "." (c r u d s, in this order)  [ "?" query ]
//! (patient|user|system) "/" (resource-type|"*") "." (read|write|"*")
//! ```

use std::fmt;

/// What a scope word lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// `c`
    Create,
    /// `r`: read, vread and the history of one resource.
    Read,
    /// `u`: update and patch.
    Update,
    /// `d`
    Delete,
    /// `s`: search and the history of a type.
    Search,
}

/// Whom a token acts for. The contexts of SMART's words are not interchangeable: `user/` is what a
/// person may do, `system/` what a client may do for itself (SMART App Launch 2.2.0, "Scopes for
/// requesting FHIR resources").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person who signed in: `user/` counts.
    Person,
    /// The client itself: `system/` counts.
    Client,
}

/// One scope word that names FHIR resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SmartScope<'a> {
    context: Context,
    resource_type: ResourceType<'a>,
    permissions: Permissions,
    query: Option<&'a str>,
    /// Written `.read`, `.write` or `.*`.
    v1: bool,
}

impl<'a> SmartScope<'a> {
    /// `None` for any other word, `system:Patient.read` and `system/Patient.sr` among them: a word
    /// that is not exactly SMART's permits nothing.
    pub(super) fn parse(word: &'a str) -> Option<Self> {
        let (context, rest) = word.split_once('/')?;
        let context = Context::parse(context)?;
        let (resource_type, rest) = rest.split_once('.')?;
        let resource_type = ResourceType::parse(resource_type)?;
        if let Some(permissions) = Permissions::parse_v1(rest) {
            return Some(Self {
                context,
                resource_type,
                permissions,
                query: None,
                v1: true,
            });
        }
        let (letters, query) = match rest.split_once('?') {
            Some((_, "")) => return None,
            Some((letters, query)) => (letters, Some(query)),
            None => (rest, None),
        };
        let permissions = Permissions::parse_v2(letters)?;
        Some(Self {
            context,
            resource_type,
            permissions,
            query,
            v1: false,
        })
    }

    /// The words for the part of this one that the others permit: itself if that is all of it.
    pub(super) fn within(self, allowed: &[Self]) -> Vec<String> {
        let mut parts: Vec<Self> = Vec::new();
        for part in allowed.iter().filter_map(|other| self.intersection(*other)) {
            // Parts that differ in nothing but their permissions are one word.
            match parts.iter_mut().find(|it| it.is_like(part)) {
                Some(found) => found.permissions = found.permissions.union(part.permissions),
                None => parts.push(part),
            }
        }
        let kept = |part: &&Self| {
            !parts
                .iter()
                .any(|other| other != *part && other.covers(**part))
        };
        parts.iter().filter(kept).map(ToString::to_string).collect()
    }

    /// Whether it permits this, to the resources that its query finds: see
    /// [`super::Scope::permitting`].
    pub(super) fn permits(self, actor: Actor, resource_type: &str, permission: Permission) -> bool {
        // `patient` is nobody's: our tokens carry no patient in context.
        let context = match actor {
            Actor::Person => Context::User,
            Actor::Client => Context::System,
        };
        self.context == context
            && self
                .resource_type
                .covers(ResourceType::Named(resource_type))
            && self.permissions.contains(permission)
    }

    /// What stands behind the `?`.
    pub(super) fn query(self) -> Option<&'a str> {
        self.query
    }

    /// The widest word that neither of the two is narrower than, in the spelling of the first.
    fn intersection(self, other: Self) -> Option<Self> {
        let permissions = self.permissions.intersection(other.permissions)?;
        let resource_type = match (self.resource_type, other.resource_type) {
            (ResourceType::Any, narrower) => narrower,
            (narrower, ResourceType::Any) => narrower,
            (one, same) if one == same => one,
            _ => return None,
        };
        // Two queries together would be narrower than each, but no word says that.
        let query = match (self.query, other.query) {
            (query, None) | (None, query) => query,
            (one, same) if one == same => one,
            _ => return None,
        };
        (self.context == other.context).then_some(Self {
            context: self.context,
            resource_type,
            permissions,
            query,
            v1: self.v1,
        })
    }

    fn is_like(self, other: Self) -> bool {
        (self.context, self.resource_type, self.query)
            == (other.context, other.resource_type, other.query)
    }

    fn covers(self, other: Self) -> bool {
        self.context == other.context
            && self.resource_type.covers(other.resource_type)
            && (self.query.is_none() || self.query == other.query)
            && self.permissions.union(other.permissions) == self.permissions
    }
}

impl fmt::Display for SmartScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (context, resource_type) = (self.context.as_str(), self.resource_type.as_str());
        let v1 = self
            .permissions
            .as_v1()
            .filter(|_| self.v1 && self.query.is_none());
        match v1 {
            Some(v1) => write!(f, "{context}/{resource_type}.{v1}"),
            None => write!(f, "{context}/{resource_type}.{}", self.permissions),
        }?;
        match self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

/// On whose behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    Patient,
    User,
    System,
}

impl Context {
    fn parse(text: &str) -> Option<Self> {
        [Self::Patient, Self::User, Self::System]
            .into_iter()
            .find(|it| it.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResourceType<'a> {
    Any,
    Named(&'a str),
}

impl<'a> ResourceType<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let name = text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_alphabetic());
        name.then_some(Self::Named(text))
    }

    fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }

    fn as_str(self) -> &'a str {
        match self {
            Self::Any => "*",
            Self::Named(name) => name,
        }
    }
}

/// A set of permissions that is not empty, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Permissions(u8);

impl Permissions {
    const ALL: [(Permission, char); 5] = [
        (Permission::Create, 'c'),
        (Permission::Read, 'r'),
        (Permission::Update, 'u'),
        (Permission::Delete, 'd'),
        (Permission::Search, 's'),
    ];
    /// SMART App Launch 2.2.0, "Scopes for requesting FHIR resources": what v1 words mean in v2.
    const V1: [(&str, &str); 3] = [("read", "rs"), ("write", "cud"), ("*", "cruds")];

    fn parse_v1(text: &str) -> Option<Self> {
        let (_, letters) = Self::V1.into_iter().find(|(name, _)| *name == text)?;
        Self::parse_v2(letters)
    }

    fn parse_v2(letters: &str) -> Option<Self> {
        let mut rest = letters;
        let mut bits = 0;
        for (permission, letter) in Self::ALL {
            if let Some(after) = rest.strip_prefix(letter) {
                rest = after;
                bits |= bit(permission);
            }
        }
        (bits != 0 && rest.is_empty()).then_some(Self(bits))
    }

    fn as_v1(self) -> Option<&'static str> {
        let same = |(name, _): &(&str, &str)| Self::parse_v1(name) == Some(self);
        Self::V1.into_iter().find(same).map(|(name, _)| name)
    }

    fn contains(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }

    fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn intersection(self, other: Self) -> Option<Self> {
        let bits = self.0 & other.0;
        (bits != 0).then_some(Self(bits))
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = Self::ALL
            .into_iter()
            .filter(|(permission, _)| self.contains(*permission));
        f.write_str(&letters.map(|(_, letter)| letter).collect::<String>())
    }
}

fn bit(permission: Permission) -> u8 {
    1 << permission as u8
}
