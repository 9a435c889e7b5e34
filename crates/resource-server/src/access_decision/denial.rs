//! Why a request is refused.

use storage::audit::hidden;

/// Why a request is refused. The text goes to the caller and into the audit: it holds no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The scope of the token, or the widest one of its issuer, lacks the permission.
    InsufficientScope,
    /// The person's role has no part in the interaction, or the token names no role.
    Role,
    /// The token names no organisation, or one that this server does not let in.
    Organization,
    /// No jurisdiction is left between the token and the issuer's setting.
    NoJurisdiction,
    /// No record type is left between the token and the issuer's setting.
    NoRecordType,
    /// No facility is left between the token and the issuer's setting.
    NoFacility,
    /// The record belongs to an organisation that the token does not reach.
    RecordOrganization,
    /// The record's jurisdiction is not one of the token's.
    RecordJurisdiction,
    /// The record's type is not one of the token's.
    RecordType,
    /// The record's facility is unknown or not one of the token's.
    RecordFacility,
    /// The record is none of those that the query of the scope finds.
    RecordScope,
}

impl Denial {
    /// Static text for the caller and the audit, which shows those of records to who reaches them alone.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::InsufficientScope => "the token's scope does not permit this interaction",
            Self::Role => "the person's role does not permit this interaction",
            Self::Organization => "the token's organization is absent or not let in here",
            Self::NoJurisdiction => "the token has no jurisdiction here",
            Self::NoRecordType => "the token has no record type here",
            Self::NoFacility => "the token has no facility here",
            Self::RecordOrganization => hidden::ORGANIZATION,
            Self::RecordJurisdiction => hidden::JURISDICTION,
            Self::RecordType => hidden::TYPE,
            Self::RecordFacility => hidden::FACILITY,
            Self::RecordScope => hidden::SCOPE,
        }
    }
}
