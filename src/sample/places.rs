//! One birthing town per jurisdiction.

/// Where a report comes from.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Jurisdiction code of the vital-records messages.
    pub jurisdiction: &'static str,
    /// USPS code of the state in addresses (New York City reports on its own but lies in `NY`).
    pub state: &'static str,
    /// City of the hospital.
    pub city: &'static str,
    /// County or equivalent.
    pub county: &'static str,
    /// A postal code there.
    pub postal_code: &'static str,
    /// Offset from UTC as FHIR writes it (standard time).
    pub offset: &'static str,
}

/// The place of a jurisdiction; none for the test and unknown codes.
pub fn find(jurisdiction: &str) -> Option<&'static Place> {
    PLACES
        .iter()
        .find(|place| place.jurisdiction == jurisdiction)
}

const fn place(
    jurisdiction: &'static str,
    city: &'static str,
    county: &'static str,
    postal_code: &'static str,
    offset: &'static str,
) -> Place {
    Place {
        jurisdiction,
        state: jurisdiction,
        city,
        county,
        postal_code,
        offset,
    }
}

const PLACES: &[Place] = &[
    place("AL", "Birmingham", "Jefferson", "35203", "-06:00"),
    place("AK", "Anchorage", "Anchorage", "99501", "-09:00"),
    place("AS", "Pago Pago", "Eastern District", "96799", "-11:00"),
    place("AZ", "Phoenix", "Maricopa", "85004", "-07:00"),
    place("AR", "Little Rock", "Pulaski", "72201", "-06:00"),
    place("CA", "Sacramento", "Sacramento", "95814", "-08:00"),
    place("CO", "Denver", "Denver", "80202", "-07:00"),
    place("CT", "Hartford", "Hartford", "06103", "-05:00"),
    place("DE", "Dover", "Kent", "19901", "-05:00"),
    place(
        "DC",
        "Washington",
        "District of Columbia",
        "20001",
        "-05:00",
    ),
    place("FL", "Tallahassee", "Leon", "32301", "-05:00"),
    place("GA", "Atlanta", "Fulton", "30303", "-05:00"),
    place("GU", "Hagatna", "Guam", "96910", "+10:00"),
    place("HI", "Honolulu", "Honolulu", "96813", "-10:00"),
    place("ID", "Boise", "Ada", "83702", "-07:00"),
    place("IL", "Springfield", "Sangamon", "62701", "-06:00"),
    place("IN", "Indianapolis", "Marion", "46204", "-05:00"),
    place("IA", "Des Moines", "Polk", "50309", "-06:00"),
    place("KS", "Topeka", "Shawnee", "66603", "-06:00"),
    place("KY", "Louisville", "Jefferson", "40202", "-05:00"),
    place("LA", "Baton Rouge", "East Baton Rouge", "70801", "-06:00"),
    place("ME", "Augusta", "Kennebec", "04330", "-05:00"),
    place("MD", "Baltimore", "Baltimore", "21202", "-05:00"),
    place("MA", "Worcester", "Worcester", "01608", "-05:00"),
    place("MI", "Lansing", "Ingham", "48933", "-05:00"),
    place("MN", "Saint Paul", "Ramsey", "55101", "-06:00"),
    place("MS", "Jackson", "Hinds", "39201", "-06:00"),
    place("MO", "Jefferson City", "Cole", "65101", "-06:00"),
    place("MT", "Helena", "Lewis and Clark", "59601", "-07:00"),
    place("NE", "Lincoln", "Lancaster", "68508", "-06:00"),
    place("NV", "Reno", "Washoe", "89501", "-08:00"),
    place("NH", "Concord", "Merrimack", "03301", "-05:00"),
    place("NJ", "Trenton", "Mercer", "08608", "-05:00"),
    place("NM", "Santa Fe", "Santa Fe", "87501", "-07:00"),
    place("NY", "Albany", "Albany", "12207", "-05:00"),
    place("NC", "Raleigh", "Wake", "27601", "-05:00"),
    place("ND", "Bismarck", "Burleigh", "58501", "-06:00"),
    place("MP", "Saipan", "Saipan", "96950", "+10:00"),
    place("OH", "Columbus", "Franklin", "43215", "-05:00"),
    place("OK", "Oklahoma City", "Oklahoma", "73102", "-06:00"),
    place("OR", "Salem", "Marion", "97301", "-08:00"),
    place("PA", "Harrisburg", "Dauphin", "17101", "-05:00"),
    place("PR", "San Juan", "San Juan", "00901", "-04:00"),
    place("RI", "Providence", "Providence", "02903", "-05:00"),
    place("SC", "Columbia", "Richland", "29201", "-05:00"),
    place("SD", "Pierre", "Hughes", "57501", "-06:00"),
    place("TN", "Nashville", "Davidson", "37203", "-06:00"),
    place("TX", "Austin", "Travis", "78701", "-06:00"),
    place("UT", "Provo", "Utah", "84601", "-07:00"),
    place("VT", "Montpelier", "Washington", "05602", "-05:00"),
    place("VI", "Christiansted", "Saint Croix", "00820", "-04:00"),
    place("VA", "Richmond", "Richmond", "23219", "-05:00"),
    place("WA", "Olympia", "Thurston", "98501", "-08:00"),
    place("WV", "Charleston", "Kanawha", "25301", "-05:00"),
    place("WI", "Madison", "Dane", "53703", "-06:00"),
    place("WY", "Cheyenne", "Laramie", "82001", "-07:00"),
    Place {
        jurisdiction: "YC",
        state: "NY",
        city: "New York",
        county: "Kings",
        postal_code: "11201",
        offset: "-05:00",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reporting_jurisdiction_has_a_place() {
        assert_eq!(PLACES.len(), 57);
        for place in PLACES {
            assert!(
                fhir::Jurisdiction::parse(place.jurisdiction).is_some(),
                "{}",
                place.jurisdiction
            );
        }
    }
}
