//! An event as Lambda would hand it over, or as nobody would, to the whole function: it is answered or refused, and never a
//! panic.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shared::lambda::{Context, Function};
use tokio::runtime::{Builder, Runtime};
use world::World;

/// The embedded AWS goes with the world, which must therefore stay.
static FUNCTION: LazyLock<(World, Function)> = LazyLock::new(|| {
    // libFuzzer's own hook ends the process at panics that are caught, too. One that is not ends it all the same, and is
    // told when its input is run again.
    std::panic::set_hook(Box::new(|_| {}));
    let world = RUNTIME.block_on(World::start());
    let function = Function::new(world.app("webhooks"))
        .with_routes(webhooks::all_routes())
        .with_tasks(webhooks::handle);
    (world, function)
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
});

fuzz_target!(|event: &str| {
    let (_, function) = &*FUNCTION;
    let mut context = Context::default();
    context.deadline = u64::MAX;
    let _ = RUNTIME.block_on(function.invoke(event, context));
});
