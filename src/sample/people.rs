//! The people, the places and the course of one synthetic pregnancy.

use jiff::ToSpan;
use jiff::civil::Date;

use super::draw::Draw;
use super::places::Place;

/// A made-up person.
#[derive(Clone, Debug)]
pub struct Person {
    /// Family name.
    pub family: &'static str,
    /// First given name.
    pub first: &'static str,
    /// Second given name.
    pub middle: &'static str,
    /// Birth date.
    pub born: Date,
    /// Nine digits, of an area that was never assigned.
    pub social_security_number: String,
    /// Medical record number at the hospital.
    pub record_number: String,
}

/// All that a report draws on.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where it happened.
    pub place: &'static Place,
    /// The hospital's name and National Provider Identifier.
    pub hospital: (&'static str, &'static str),
    /// Certificate number that the vital records office will give.
    pub certificate_number: u32,
    /// Date of delivery.
    pub delivered: Date,
    /// Hour and minute of delivery.
    pub time: String,
    /// First day of the last menses.
    pub last_menses: Date,
    /// Completed weeks of gestation at delivery.
    pub gestation_weeks: i64,
    /// `male` or `female`.
    pub sex: &'static str,
    /// The mother.
    pub mother: Person,
    /// Her family name before marriage.
    pub maiden_name: &'static str,
    /// The father, where he is named.
    pub father: Person,
    /// The child or fetus: first and middle name.
    pub child: (&'static str, &'static str),
    /// Medical record number of the child.
    pub child_record_number: String,
    /// Street address of the mother.
    pub street: String,
    /// Attendant at delivery.
    pub attendant: (&'static str, &'static str),
    /// Certifier of the facts.
    pub certifier: (&'static str, &'static str),
    /// National provider identifiers of attendant and certifier.
    pub provider_identifiers: [String; 2],
}

impl Case {
    /// Draws a case in `place`.
    pub fn draw(draw: &mut Draw, place: &'static Place, number: u32) -> Self {
        let delivered = Date::constant(2026, 1, 1) + draw.between(0, 300).days();
        let gestation_weeks = draw.between(36, 41);
        let family = draw.one(FAMILIES);
        let mother_born = delivered - draw.between(18 * 365, 42 * 365).days();
        let mother = person(draw, family, WOMEN, mother_born);
        let father_born = delivered - draw.between(19 * 365, 50 * 365).days();
        let father = person(draw, family, MEN, father_born);
        let sex = if draw.chance(51) { "male" } else { "female" };
        let names = if sex == "male" { MEN } else { WOMEN };
        Self {
            place,
            hospital: draw.one(HOSPITALS),
            certificate_number: 100_000 + number,
            delivered,
            time: format!("{:02}:{:02}:00", draw.between(0, 23), draw.between(0, 59)),
            last_menses: delivered - (gestation_weeks * 7).days(),
            gestation_weeks,
            sex,
            mother,
            maiden_name: draw.one(FAMILIES),
            father,
            child: (draw.one(names), draw.one(names)),
            child_record_number: draw.digits(8),
            street: format!("{} {}", draw.between(1, 980), draw.one(STREETS)),
            attendant: (draw.one(WOMEN), draw.one(FAMILIES)),
            certifier: (draw.one(MEN), draw.one(FAMILIES)),
            provider_identifiers: [draw.digits(10), draw.digits(10)],
        }
    }

    /// The same case as a fetal death: earlier in the pregnancy.
    pub fn as_fetal_death(&self, draw: &mut Draw) -> Self {
        let gestation_weeks = draw.between(20, 36);
        let last_menses = self.delivered - (gestation_weeks * 7).days();
        Self {
            gestation_weeks,
            last_menses,
            ..self.clone()
        }
    }

    /// `2026MA100001`: event year, jurisdiction, certificate number.
    pub fn identifier(&self) -> String {
        format!(
            "{}{}{:06}",
            self.delivered.year(),
            self.place.jurisdiction,
            self.certificate_number
        )
    }

    /// Date and time of delivery as a FHIR dateTime.
    pub fn delivered_at(&self) -> String {
        format!("{}T{}{}", self.delivered, self.time, self.place.offset)
    }

    /// Completed years of the mother's life at delivery.
    pub fn mother_age(&self) -> i64 {
        years(self.mother.born, self.delivered)
    }

    /// Completed years of the father's life at delivery.
    pub fn father_age(&self) -> i64 {
        years(self.father.born, self.delivered)
    }
}

fn years(from: Date, to: Date) -> i64 {
    let whole = i64::from(to.year()) - i64::from(from.year());
    if (to.month(), to.day()) < (from.month(), from.day()) {
        whole - 1
    } else {
        whole
    }
}

fn person(draw: &mut Draw, family: &'static str, given: &[&'static str], born: Date) -> Person {
    Person {
        family,
        first: draw.one(given),
        middle: draw.one(given),
        born,
        // Areas 900-999 are never assigned, and group 00 neither: it cannot be a person's number.
        social_security_number: format!("9{}00{}", draw.digits(2), draw.digits(4)),
        record_number: draw.digits(8),
    }
}

const FAMILIES: &[&str] = &[
    "Abernathy",
    "Alvarado",
    "Begay",
    "Bianchi",
    "Caldwell",
    "Castellanos",
    "Chowdhury",
    "Dubois",
    "Eriksen",
    "Fitzgerald",
    "Grant",
    "Haddad",
    "Ivanova",
    "Jefferson",
    "Kaplan",
    "Kealoha",
    "Lindgren",
    "Mbeki",
    "Montoya",
    "Nakamura",
    "O'Brien",
    "Okafor",
    "Pereira",
    "Quispe",
    "Rosenthal",
    "Sandoval",
    "Tran",
    "Underwood",
    "Vasquez",
    "Whitfield",
    "Xiong",
    "Yazzie",
    "Zielinski",
    "García-Núñez",
];
const WOMEN: &[&str] = &[
    "Amara",
    "Beatriz",
    "Celeste",
    "Delia",
    "Esther",
    "Fatima",
    "Greta",
    "Hana",
    "Ines",
    "Josephine",
    "Keiko",
    "Leilani",
    "Mireille",
    "Noor",
    "Odessa",
    "Paloma",
    "Ruth",
    "Simone",
    "Tamsin",
    "Wren",
    "Zoë",
];
const MEN: &[&str] = &[
    "Anselm", "Bashir", "Caleb", "Dmitri", "Elias", "Felix", "Gideon", "Hugo", "Isaac", "Jamal",
    "Kenji", "Lucian", "Mateo", "Nikolai", "Orson", "Pablo", "Rafael", "Silas", "Tomás", "Walter",
    "Yusuf",
];
/// Name and National Provider Identifier: none that begins with 9 is ever given out.
const HOSPITALS: &[(&str, &str)] = &[
    ("Riverbend Women's Hospital", "9900000010"),
    ("Harborview Birth Center", "9900000017"),
    ("Saint Brigid Medical Center", "9900000024"),
    ("Cedar Hill Community Hospital", "9900000031"),
    ("Lakeside General Hospital", "9900000038"),
    ("Meadowbrook Maternity Hospital", "9900000045"),
];
const STREETS: &[&str] = &[
    "Alder Street",
    "Canal Road",
    "Foundry Lane",
    "Garden Terrace",
    "Hillcrest Avenue",
    "Juniper Way",
    "Mill Pond Drive",
    "Orchard Street",
    "Prospect Avenue",
    "Quarry Road",
    "Station Street",
];
