//! The task that keeps one program: starts it, waits for its end, starts it again, and carries out
//! orders.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Exit, ProcessPlan, Restart, Status};
use crate::error::{Error, failed};
use crate::namespace::bearing_into;
use crate::pod::Pod;

pub(super) enum Order {
    Signal(Signal),
    Stop { grace: Duration },
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Starts the program and the task that keeps it.
pub(super) fn keep(
    pod: Pod,
    plan: ProcessPlan,
    orders: mpsc::UnboundedReceiver<Order>,
) -> Result<watch::Receiver<Status>, Error> {
    let program = spawn(&pod, &plan)?;
    let (report, status) = watch::channel(Status::Running { pid: program.pid, restarts: 0 });
    tokio::spawn(Keeper { pod, plan, orders, report }.run(program));
    Ok(status)
}

struct Keeper {
    pod: Pod,
    plan: ProcessPlan,
    orders: mpsc::UnboundedReceiver<Order>,
    report: watch::Sender<Status>,
}

struct Program {
    child: Child,
    pid: u32,
}

/// Why a program ended.
enum End {
    ByItself(Exit),
    AsTold(Exit),
}

impl Keeper {
    async fn run(mut self, mut program: Program) {
        let mut restarts = 0;
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let last = match self.until_end(&mut program).await {
                End::ByItself(exit) if self.plan.restart == Restart::Always => exit,
                End::ByItself(exit) | End::AsTold(exit) => {
                    self.report.send_replace(Status::Ended(exit));
                    return;
                }
            };
            if started.elapsed() >= LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            tracing::warn!("{} of {} ended ({last:?}); again in {pause:?}", self.plan.name, self.pod.name());
            self.report.send_replace(Status::Waiting { last, restarts, pause });
            if self.told_to_stop_within(pause).await {
                self.report.send_replace(Status::Ended(last));
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            restarts += 1;
            program = match spawn(&self.pod, &self.plan) {
                Ok(program) => program,
                Err(error) => {
                    tracing::error!("{} of {}: {error}", self.plan.name, self.pod.name());
                    self.report.send_replace(Status::Failed);
                    return;
                }
            };
            self.report.send_replace(Status::Running { pid: program.pid, restarts });
        }
    }

    /// Waits for the end of the program and carries out orders meanwhile.
    async fn until_end(&mut self, program: &mut Program) -> End {
        let process = Pid::from_raw(program.pid.cast_signed());
        let mut kill_at: Option<Instant> = None;
        let mut told = false;
        let mut abandoned = false;
        let exit = loop {
            let deadline = kill_at.unwrap_or_else(Instant::now);
            tokio::select! {
                status = program.child.wait() => break status,
                () = tokio::time::sleep_until(deadline), if kill_at.is_some() => {
                    kill_at = None;
                    send(process, Signal::SIGKILL);
                }
                order = self.orders.recv(), if !abandoned => match order {
                    Some(Order::Signal(signal)) => send(process, signal),
                    Some(Order::Stop { grace }) => {
                        told = true;
                        kill_at = Some(Instant::now() + grace);
                        send(process, Signal::SIGTERM);
                    }
                    // The handle was dropped: nobody cares any more.
                    None => {
                        (told, abandoned) = (true, true);
                        send(process, Signal::SIGKILL);
                    }
                },
            }
        };
        // The program's session began with it and its process group bears its pid: whoever it left
        // behind goes too.
        let _ = killpg(process, Signal::SIGKILL);
        let exit = exit.map_or(Exit::Code(125), exit_of);
        if told { End::AsTold(exit) } else { End::ByItself(exit) }
    }

    async fn told_to_stop_within(&mut self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return false,
                order = self.orders.recv() => match order {
                    Some(Order::Signal(_)) => {}
                    Some(Order::Stop { .. }) | None => return true,
                },
            }
        }
    }
}

fn spawn(pod: &Pod, plan: &ProcessPlan) -> Result<Program, Error> {
    let mut command = tokio::process::Command::from(pod.command(plan)?);
    let doing = "start a process";
    // Should the runtime go before the keeper's time, the program goes with it.
    command.kill_on_drop(true);
    let runtime = Handle::current();
    let child = bearing_into(pod.pid_namespace(), || {
        let _inside = runtime.enter();
        command.spawn()
    });
    let child = child.map_err(failed(doing))?;
    let pid = child.id().ok_or_else(|| Error::refused(doing, "it ended at once"))?;
    Ok(Program { child, pid })
}

fn send(process: Pid, signal: Signal) {
    // It may have ended a moment ago, which `wait` is about to tell.
    let _ = kill(process, signal);
}

fn exit_of(status: ExitStatus) -> Exit {
    match status.signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.code().unwrap_or(125)),
    }
}
