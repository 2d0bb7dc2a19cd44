//! CSV (RFC 4180), safe to open in a spreadsheet.

use super::view::View;
use crate::site::model::Host;
use crate::text::spreadsheet_safe;

const HEADINGS: [&str; 20] = [
    "hop",
    "flow",
    "from_role",
    "from_host",
    "from_address",
    "to_role",
    "to_host",
    "to_address",
    "to_port",
    "to_range",
    "protocol",
    "path",
    "expect",
    "required",
    "relayed_to",
    "also",
    "source",
    "remark",
    "doubt",
    "not_planned",
];

/// What a firewall rule has to have on the From side, as far as the site file says it: addresses,
/// or the network.
fn addresses(host: &Host) -> String {
    match host {
        Host::Named { addresses, .. } => {
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
        Host::Address(_) | Host::Network(_) => host.label(),
        Host::Discover { .. } => String::new(),
    }
}

/// One line per hop; with `all`, also one per entry that was not planned, with the reason in the
/// last column.
///
/// # Errors
/// None that a plan can cause; the writer's signature has one.
pub fn csv(view: &View<'_>) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADINGS)?;
    for hop in &view.hops {
        let flow = &hop.flow;
        let record = [
            hop.id.clone(),
            flow.id.clone(),
            hop.from.role.clone(),
            hop.from.host.label(),
            addresses(&hop.from.host),
            hop.to.role.clone(),
            hop.to.host.label(),
            hop.address.map(|a| a.to_string()).unwrap_or_default(),
            hop.port.to_string(),
            flow.options.range().map(ToString::to_string).unwrap_or_default(),
            flow.protocol.to_string(),
            flow.options.path().map(str::to_owned).unwrap_or_default(),
            flow.expect.to_string(),
            flow.required.to_string(),
            flow.relayed_to.as_ref().map(|r| r.role.clone()).unwrap_or_default(),
            hop.also.join(" "),
            flow.source.clone(),
            flow.remark.clone().unwrap_or_default(),
            flow.doubt.clone().unwrap_or_default(),
            String::new(),
        ];
        writer.write_record(record.iter().map(|cell| spreadsheet_safe(cell)))?;
    }
    for entry in view.unplanned.iter().filter(|_| view.all) {
        let mut record: [String; HEADINGS.len()] = Default::default();
        record[1].clone_from(&entry.flow);
        record[2].clone_from(&entry.from);
        record[5].clone_from(&entry.to);
        record[19] = entry.why.to_string();
        writer.write_record(record.iter().map(|cell| spreadsheet_safe(cell)))?;
    }
    let octets = writer.into_inner().map_err(|error| error.into_error())?;
    // Cells are text, and so is what stands between them.
    String::from_utf8(octets).map_err(|error| std::io::Error::other(error).into())
}
