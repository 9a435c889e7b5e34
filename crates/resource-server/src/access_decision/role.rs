//! What people may do at most, by the role that their issuer says they have.
//!
//! | role | records and their parts | AuditEvent |
//! |---|---|---|
//! | `registrar` | create, read, update, delete, search | |
//! | `clerk` | create, read, update, search | |
//! | `auditor` | | read, search |
//! | `administrator` | | read, search |
//!
//! Whoever watches over the others' work does none of it himself, and whoever gives out accounts needs
//! no record for it. A role that is not in the table may do nothing.

use oauth::Permission;

/// A role of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Keeps the records.
    Registrar,
    /// Enters records and looks them up.
    Clerk,
    /// Reads the audit.
    Auditor,
    /// Manages accounts.
    Administrator,
}

impl Role {
    /// The role of an introspection answer; `None` for any that is not in the table.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "registrar" => Self::Registrar,
            "clerk" => Self::Clerk,
            "auditor" => Self::Auditor,
            "administrator" => Self::Administrator,
            _ => return None,
        })
    }

    /// Its name in introspection answers and in settings.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Registrar => "registrar",
            Self::Clerk => "clerk",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }

    /// Whether a person of this role may do this to resources of this type at all.
    pub(crate) fn may(self, resource_type: &str, permission: Permission) -> bool {
        use Permission::{Delete, Read, Search};
        match (self, resource_type == AUDIT_EVENT) {
            (Self::Registrar, false) => true,
            (Self::Clerk, false) => permission != Delete,
            (Self::Auditor | Self::Administrator, true) => matches!(permission, Read | Search),
            (Self::Registrar | Self::Clerk, true)
            | (Self::Auditor | Self::Administrator, false) => false,
        }
    }
}

/// The one type that is no record and no part of one.
pub(super) const AUDIT_EVENT: &str = "AuditEvent";
