//! One line per hop for a spreadsheet (RFC 4180).

use crate::observation::Evidence;
use crate::open_words::Open as _;
use crate::result::HopResult;
use crate::text::spreadsheet_safe;

/// Header and rows.
///
/// # Errors
/// None that a result can cause; the writer's signature has one.
pub fn render(hops: &[HopResult]) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "hop",
        "flow",
        "from_role",
        "from_host",
        "to_role",
        "to_host",
        "to_address",
        "to_port",
        "to_range",
        "protocol",
        "path",
        "expect",
        "required",
        "verdict",
        "reason",
        "initiator",
        "answered_by",
        "ms",
        "source",
        "destination",
        "sent_at",
        "icmp",
        "icmp_from",
        "advice",
        "tested_by",
        "tested_from",
    ])?;
    for hop in hops {
        let evidence = Evidence::decisive(&hop.evidence);
        let icmp = evidence.and_then(|e| e.icmp);
        let fields = [
            hop.hop.clone(),
            hop.flow.clone(),
            hop.from.role.clone(),
            hop.from.host.clone(),
            hop.to.role.clone(),
            hop.to.host.clone(),
            hop.to.address.map(|a| a.to_string()).unwrap_or_default(),
            hop.to.port.map(|p| p.to_string()).unwrap_or_default(),
            hop.to.range.as_ref().map(ToString::to_string).unwrap_or_default(),
            hop.protocol.to_string(),
            hop.path.clone().unwrap_or_default(),
            hop.expect.to_string(),
            hop.required.to_string(),
            hop.verdict.name().to_owned(),
            hop.reason.to_string(),
            hop.initiator.map(|initiator| initiator.word().to_owned()).unwrap_or_default(),
            hop.answered_by.name().to_owned(),
            format!("{:.3}", hop.ms),
            evidence.and_then(|e| e.source).map(|s| s.to_string()).unwrap_or_default(),
            evidence.map(|e| e.destination.to_string()).unwrap_or_default(),
            // Milliseconds are what logs have and spreadsheets read.
            evidence
                .map(|e| e.sent_at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
                .unwrap_or_default(),
            icmp.map(|i| format!("{}/{}", i.kind, i.code)).unwrap_or_default(),
            icmp.map(|i| i.from.to_string()).unwrap_or_default(),
            hop.advice.clone().unwrap_or_default(),
            hop.tested_by.as_ref().map(|tester| tester.host.clone()).unwrap_or_default(),
            hop.tested_by
                .as_ref()
                .and_then(|tester| tester.address)
                .map(|a| a.to_string())
                .unwrap_or_default(),
        ];
        writer.write_record(fields.iter().map(|f| spreadsheet_safe(f)))?;
    }
    let octets = writer.into_inner().map_err(|error| error.into_error())?;
    // Cells are text, and so is what stands between them.
    String::from_utf8(octets).map_err(|error| std::io::Error::other(error).into())
}
