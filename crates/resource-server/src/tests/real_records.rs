//! The real records that lie beside the project: each goes in, comes back byte for byte, and is read with nothing
//! changed but its id and meta.

use fhir::Bundle;
use storage::testing::each_engine;

use super::*;

fn real_records() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/records");
    let Ok(files) = std::fs::read_dir(folder) else {
        eprintln!("NOTHING PROVEN: there are no real records beside the project");
        return Vec::new();
    };
    let mut records: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    records.sort();
    records
}

/// A token that reaches the record, and no more than that.
fn reaching(record: &str) -> String {
    let bundle = Bundle::parse(record.as_bytes()).unwrap();
    let code = bundle.index().jurisdiction;
    let code = code.map_or("MA".to_owned(), |code| code.as_str().to_owned());
    let both = r#"["birth","fetal-death"]"#;
    token(&[
        ("[\"MA\"]", &format!("[\"{code}\"]")),
        (r#"["birth"]"#, both),
    ])
}

fn without_id_and_meta(text: &[u8]) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_slice(text).unwrap();
    let members = value.as_object_mut().unwrap();
    members.remove("id");
    if let Some(meta) = members
        .get_mut("meta")
        .and_then(|meta| meta.as_object_mut())
    {
        meta.remove("versionId");
        meta.remove("lastUpdated");
        if meta.is_empty() {
            members.remove("meta");
        }
    }
    value
}

#[tokio::test]
async fn every_real_record_goes_in_and_comes_back() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| config.max_body_bytes = 10_000_000);
        for (name, record) in real_records() {
            let token = reaching(&record);
            let id = stored(&server, &token, &record).await;
            let original = send(&server, &token, get(&format!("Bundle/{id}/$original"))).await;
            assert_eq!(original.body, record.as_bytes(), "{name}");
            let read = send(&server, &token, get(&format!("Bundle/{id}"))).await;
            assert_eq!(read.json()["id"], id, "{name}");
            assert_eq!(
                without_id_and_meta(&read.body),
                without_id_and_meta(record.as_bytes()),
                "{name}"
            );
        }
    })
    .await;
}
