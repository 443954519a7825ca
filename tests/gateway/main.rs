//! Clients of the gateway, in a real mesh. What each byte means is in `docs/gateway.md`.

mod chatting;
mod dying;
mod examples;
mod hostile;
mod logged;
mod meeting;
mod vectors;

use mesh_tests::Cluster;

/// A group whose peers all serve a gateway.
fn mesh(names: &[&str]) -> Cluster {
    let mut mesh = Cluster::empty();
    for name in names {
        let launch = mesh.through_first(name).with("--gateway", 0);
        mesh.start(launch).ready();
    }
    mesh.agree();
    mesh.all_linked();
    mesh
}

/// Waits until every peer that lives lists just these users of gateways.
fn guests_are(mesh: &Cluster, names: &[&str]) {
    let what = format!("the users of gateways are {}", names.join(", "));
    mesh.all(&what, |peer| {
        let mut listed: Vec<_> = peer.view().guests.into_values().collect();
        listed.sort_unstable();
        listed == names
    });
}
