//! Finds the resources of a document that matter, by the references of its Composition.

use super::resource::{
    Address, CodeableConcept, Extension, HumanName, Place, RawIdentifier, Reference, Resource,
    is_searchable, list, one, text, texts,
};
use super::{Identifier, Searchable};
use crate::bundle::Part;
use crate::natural_key;
use crate::search::Period;

/// Adds what one document, whose Composition is its first entry, can be found by.
pub(crate) fn read(parts: &[Part<'_>], into: &mut Searchable) {
    let Some(composition) = parts.first().and_then(Part::read) else {
        return;
    };
    into.read_composition(&composition);
    let document = Document(parts);
    if let Some(subject) = document.target(one(composition.subject)) {
        into.read_patient(&subject);
    }
    for author in list::<Reference<'_>>(composition.author) {
        into.author_identifiers
            .extend(one(author.identifier).and_then(|it: RawIdentifier<'_>| it.read()));
        if let Some(author) = document.target(Some(author)) {
            into.author_identifiers.extend(identifiers(&author));
        }
    }
    let encounters = document.encounters(&composition);
    for location in document.birth_locations(&encounters) {
        into.read_birth_location(&location);
    }
    for encounter in &encounters {
        if let Some(facility) = document.target(one(encounter.service_provider)) {
            into.facilities.extend(identifiers(&facility));
        }
    }
}

/// A document's entries.
struct Document<'a, 'b>(&'b [Part<'a>]);

impl<'a> Document<'a, '_> {
    /// The resource that a reference leads to within the document: by `fullUrl`, or else by type and id, which is how
    /// the guides' own examples refer (`Patient/x` under a `fullUrl` of another server).
    fn target(&self, reference: Option<Reference<'_>>) -> Option<Resource<'a>> {
        let reference = reference?.target()?;
        let by_url = self
            .0
            .iter()
            .find(|part| part.full_url().is_some_and(|url| url == reference));
        if let Some(part) = by_url {
            return part.read();
        }
        let mut segments = reference.rsplit('/');
        let (id, kind) = (segments.next()?, segments.next()?);
        let same_type = self
            .0
            .iter()
            .filter(|part| part.resource_type() == Some(kind));
        let mut resources = same_type.take(MAX_CANDIDATES).filter_map(Part::read);
        resources.find(|resource: &Resource<'_>| text(resource.id).as_deref() == Some(id))
    }

    /// The Locations that are marked as the place of birth or delivery, and those at which the encounters were; a
    /// hospital to or from which somebody was transferred is none.
    fn birth_locations(&self, encounters: &[Resource<'a>]) -> Vec<Resource<'a>> {
        let locations = self
            .0
            .iter()
            .filter(|part| part.resource_type() == Some("Location"));
        let read = locations.take(MAX_CANDIDATES).filter_map(Part::read);
        let marked = read.filter(|location| is_location(location, |code| code == "loc_birth"));
        let places = encounters
            .iter()
            .flat_map(|encounter| list::<Place<'_>>(encounter.location));
        let named = places.filter_map(|place| self.target(one(place.location)));
        let transfer = |code: &str| code.starts_with("loc_transfer");
        let named = named.filter(|location| !is_location(location, transfer));
        marked.chain(named).collect()
    }

    /// The Composition's encounter, and before it the maternity encounter that it names.
    fn encounters(&self, composition: &Resource<'_>) -> Vec<Resource<'a>> {
        let Some(encounter) = one::<Reference<'_>>(composition.encounter) else {
            return Vec::new();
        };
        let mut encounters: Vec<Reference<'_>> = list::<Extension<'_>>(encounter.extension)
            .into_iter()
            .filter(|extension| extension.is("encounter-maternity-reference"))
            .filter_map(|extension| one(extension.value_reference))
            .collect();
        encounters.push(encounter);
        encounters
            .into_iter()
            .filter_map(|it| self.target(Some(it)))
            .collect()
    }
}

impl Searchable {
    fn read_composition(&mut self, composition: &Resource<'_>) {
        let date = text(composition.date).and_then(|date| Period::parse(&date));
        self.date = self.date.or(date);
        self.identifiers.extend(identifiers(composition));
        for extension in list::<Extension<'_>>(composition.extension) {
            if REPORT_NUMBERS.iter().any(|name| extension.is(name)) {
                let identifier =
                    one(extension.value_identifier).and_then(|it: RawIdentifier<'_>| it.read());
                self.report_numbers.extend(identifier);
                self.report_numbers
                    .extend(text(extension.value_string).map(unnamed));
            }
        }
        let subject: Option<Reference<'_>> = one(composition.subject);
        let identifier = subject.and_then(|subject| one(subject.identifier));
        self.patient_identifiers
            .extend(identifier.and_then(|it: RawIdentifier<'_>| it.read()));
    }

    fn read_patient(&mut self, patient: &Resource<'_>) {
        for name in list::<HumanName<'_>>(patient.name) {
            self.family_names.extend(text(name.family));
            self.given_names.extend(texts(name.given));
        }
        self.birth_dates.extend(text(patient.birth_date));
        self.patient_identifiers.extend(identifiers(patient));
    }

    fn read_birth_location(&mut self, location: &Resource<'_>) {
        let places = &mut self.birth_locations;
        places.extend(text(location.name));
        if let Some(address) = one::<Address<'_>>(location.address) {
            places.extend(text(address.text));
            places.extend(texts(address.line));
            places.extend(
                [
                    address.city,
                    address.district,
                    address.state,
                    address.postal_code,
                ]
                .into_iter()
                .filter_map(text),
            );
        }
        self.facilities.extend(identifiers(location));
        // The number by which the jurisdiction knows the facility stands in an extension of the identifier.
        for identifier in list::<RawIdentifier<'_>>(location.identifier) {
            let extensions = list::<Extension<'_>>(identifier.extension).into_iter();
            let numbers = extensions.filter(|it| it.is("jurisdictional-facility-identifier"));
            self.facilities
                .extend(numbers.filter_map(|it| text(it.value_string)).map(unnamed));
        }
    }

    /// Adds the Bundle's own identifier and certificate number.
    pub(crate) fn add_key(
        &mut self,
        identifier: Option<&(Option<String>, String)>,
        number: Option<&str>,
    ) {
        if let Some((system, value)) = identifier
            && is_searchable(value)
        {
            let system = system.clone().filter(|system| is_searchable(system));
            self.identifiers.push(Identifier {
                system,
                value: value.clone(),
            });
        }
        self.certificate_number = number.map(str::to_owned);
        self.report_numbers
            .extend(number.map(|number| unnamed(number.to_owned())));
        // With and without its zeros, whoever wrote it.
        let padded = self.report_numbers.iter().filter_map(|it| {
            let number: u64 = it.value.parse().ok()?;
            Some(
                [natural_key::certificate_number(number)?, number.to_string()].map(|value| {
                    Identifier {
                        system: it.system.clone(),
                        value,
                    }
                }),
            )
        });
        let padded: Vec<Identifier> = padded.flatten().collect();
        self.report_numbers.extend(padded);
    }
}

/// Whether one of the Location's types has such a code.
fn is_location(location: &Resource<'_>, is: impl Fn(&str) -> bool + Copy) -> bool {
    let kinds = list::<CodeableConcept>(location.r#type);
    kinds.iter().any(|kind| kind.has_code(is))
}

fn identifiers(resource: &Resource<'_>) -> Vec<Identifier> {
    let all = list::<RawIdentifier<'_>>(resource.identifier);
    all.iter().filter_map(RawIdentifier::read).collect()
}

fn unnamed(value: String) -> Identifier {
    Identifier {
        system: None,
        value,
    }
}

/// Extensions of the Composition, by the end of their URLs.
const REPORT_NUMBERS: [&str; 2] = ["live-birth-certificate-number", "fetal-death-report-number"];

/// Resources of one type that are looked into.
const MAX_CANDIDATES: usize = 16;
