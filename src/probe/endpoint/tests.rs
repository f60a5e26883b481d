//! Conversations that this process did not run through, with a paused clock.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use time::OffsetDateTime;
use tokio::time::advance;

use super::*;
use crate::cli::args::Args;
use crate::net::connect::Shortage;
use crate::net::connector::{Connector, Dialled};
use crate::observation::{LocalNetwork, LookupOutcome};
use crate::path::Hops;
use crate::plan::Plan;
use crate::probe::{Effects, Progress};
use crate::resolve::testing::FakeResolver;
use crate::resolve::{Answer, Names, NamesOptions};
use crate::tls::Trust;

const THREE_SYNS: Duration = Duration::from_millis(2500);

/// A network that swallows everything.
#[derive(Default)]
struct Silence {
    dialled: AtomicUsize,
}

impl Connector for Silence {
    fn connect<'a>(
        &'a self,
        dialling: &'a Dialling,
    ) -> Pin<Box<dyn Future<Output = Dialled> + Send + 'a>> {
        self.dialled.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            sleep(dialling.limit).await;
            Ok((Connect { elapsed: dialling.limit.into(), ..Connect::default() }, None))
        })
    }

    fn has_route(&self, _to: IpAddr) -> bool {
        true
    }

    fn source(&self, _to: IpAddr, _bind: Option<IpAddr>) -> Option<IpAddr> {
        None
    }

    fn local_network(&self) -> LocalNetwork {
        LocalNetwork { ipv4: true, ipv6: false }
    }

    fn three_syns(&self) -> Duration {
        THREE_SYNS
    }
}

impl Hops for Silence {
    fn probe<'a>(
        &'a self,
        _dialling: &'a Dialling,
        _ttl: u8,
    ) -> Pin<Box<dyn Future<Output = Result<Connect, Shortage>> + Send + 'a>> {
        Box::pin(async { panic!("nothing is traced") })
    }
}

fn probing(network: &Arc<Silence>) -> Arc<Probing> {
    let words = ["smtpcheck", "192.0.2.1:25", "--control=none", "--trace=never"];
    let args = Args::read(words.map(Into::into)).expect("arguments");
    let plan = Plan::new(&args, |_| Ok(String::new())).expect("a plan");
    let options = NamesOptions { ipv4: plan.ipv4, ipv6: plan.ipv6, hosts: None };
    let resolver = FakeResolver::new(|name, record_type, _| {
        Answer::new(name, record_type, LookupOutcome::NoData, Vec::new())
    });
    let effects = Effects {
        names: Names::new(Arc::new(resolver), options),
        connector: Arc::clone(network) as Arc<dyn Connector>,
        hops: Arc::clone(network) as Arc<dyn Hops>,
        trust: Trust::new(&[]).expect("the built-in anchors"),
        now: || OffsetDateTime::UNIX_EPOCH,
        own_name: None,
        environment: None,
        progress: Progress::default(),
    };
    Arc::new(Probing::new(plan, effects, false))
}

/// What comes of a conversation with a port whose silence is known to be conclusive, where this
/// process does not run for `stopped` of it; and how often the port was dialled.
async fn silence_with_a_stop(stopped: Duration) -> (Conversation, usize) {
    let network = Arc::new(Silence::default());
    let probing = probing(&network);
    let to: SocketAddr = "192.0.2.1:25".parse().expect("an address");
    let host = Host::Address(to.ip());
    let spot = Spot { host, to, port: 25, redirected: false, mode: Mode::Starttls };
    probing.inquiry.port((25, true)).conclude();
    let conversation = tokio::spawn(async move {
        let under_way = probing.effects.progress.begin(Step::Waiting, || spot.label());
        let manner = Manner::of(&probing);
        probing.one_conversation(&spot, manner, &under_way).await.map_err(Unfinished::why)
    });
    sleep(Duration::from_secs(2)).await;
    advance(stopped).await;
    let conversation = conversation.await.expect("it does not panic").expect("a conversation");
    (conversation, network.dialled.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn conclusive_silence_is_not_waited_out_and_was_listened_to() {
    // Shorter than the connect timeout, whose end is another matter.
    for (stopped, dials) in [(Duration::ZERO, 1), (Duration::from_secs(3), 2)] {
        let (conversation, dialled) = silence_with_a_stop(stopped).await;
        assert_eq!(conversation.connect.outcome, ConnectOutcome::TimedOut);
        assert_eq!(dialled, dials, "stopped for {stopped:?}");
        assert_eq!(conversation.connect.elapsed, THREE_SYNS.into(), "stopped for {stopped:?}");
    }
}
