//! Runs the scenario in Rust with the generated stubs of gen/rust and tonic. ../README.md explains
//! each step.
mod call;
mod stubs;
mod values;

use call::{Call, Outcome};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use values::{at, fill, fits, number, to_text};

type Done = Result<(), String>;

struct Runner {
    job: Value,
    job_file: String,
    vars: Map<String, Value>,
    held: HashMap<String, Call>,
    children: HashMap<String, Child>,
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let job_file = std::env::args().nth(1).expect("the file of the job");
    let text = std::fs::read_to_string(&job_file).expect("the job");
    let mut runner = Runner {
        job: serde_json::from_str(&text).expect("JSON"),
        job_file,
        vars: Map::new(),
        held: HashMap::new(),
        children: HashMap::new(),
    };
    for each in runner.job["cases"].as_array().cloned().unwrap_or_default() {
        runner.run_case(&each).await;
    }
}

impl Runner {
    async fn run_case(&mut self, each: &Value) {
        let started = Instant::now();
        let mut problem = String::new();
        self.vars = self.job["vars"].as_object().cloned().unwrap_or_default();
        for (index, step) in each["steps"].as_array().into_iter().flatten().enumerate() {
            if let Err(why) = self.execute(step).await {
                problem = format!("step {}: {why}", index + 1);
                break;
            }
        }
        if self.job["child"] != true {
            let ms = started.elapsed().as_millis() as u64;
            println!("{}", json!({"case": each["case"], "problem": problem, "ms": ms}));
        } else if problem.is_empty() {
            println!("ready");
            call::pause(600_000).await;
        } else {
            println!("{problem}");
        }
        for held in self.held.values_mut() {
            held.cancel();
        }
        self.held.clear();
    }

    async fn execute(&mut self, raw: &Value) -> Done {
        if !raw["parallel"].is_null() {
            return self.parallel(&raw["parallel"]).await;
        }
        let step = fill(raw, &self.vars)?;
        if !step["run"].is_null() {
            return self.run(&step);
        }
        if !step["spawn"].is_null() {
            return self.spawn(&step);
        }
        if let Some(name) = step["kill"].as_str() {
            let child = self.children.get_mut(name).ok_or("no such child")?;
            child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
            return Ok(());
        }
        std::fs::write("/proc/self/clear_refs", "5").map_err(|error| error.to_string())?;
        let before = memory_mib("VmRSS");
        let until = Instant::now() + Duration::from_millis(number(&step["within"], 0.0) as u64);
        while let Err(problem) = self.attempt(&step).await {
            if Instant::now() >= until {
                return Err(problem);
            }
            call::pause(100).await;
        }
        let grown = memory_mib("VmHWM") - before;
        if grown > number(&step["memoryMib"], f64::INFINITY) {
            return Err(format!("took {grown:.0} MiB of memory"));
        }
        Ok(())
    }

    /// Makes the call of the step, or ends a held call, and checks the outcome.
    async fn attempt(&mut self, step: &Value) -> Done {
        if let Some(name) = step["end"].as_str() {
            let held = self.held.get_mut(name).ok_or("no such call")?;
            held.send_all(&step["send"]).await?;
            match step["how"].as_str() {
                Some("cancel") => held.cancel(),
                Some("finish") => held.half_close(),
                _ => (),
            }
            let ended = held.outcome().await;
            return self.check(step, &ended);
        }
        let targets = self.job["targets"].as_object().ok_or("no targets")?;
        let mut made = Call::open(targets, step).await?;
        if let Some(name) = step["hold"].as_str() {
            made.begun().await;
            self.held.insert(name.to_string(), made);
            return Ok(());
        }
        let ended = made.outcome().await;
        self.check(step, &ended)
    }

    fn check(&mut self, step: &Value, ended: &Outcome) -> Done {
        fits_outcome(step, ended)?;
        for (name, path) in step["save"].as_object().into_iter().flatten() {
            self.vars.insert(name.clone(), at(&ended.value, &to_text(path)));
        }
        Ok(())
    }

    /// Makes the same call many times at once. `outcomes` limits the number of each outcome.
    async fn parallel(&self, plan: &Value) -> Done {
        let targets = self.job["targets"].as_object().ok_or("no targets")?;
        let mut branches = Vec::new();
        for index in 0..number(&plan["count"], 0.0) as u64 {
            let mut vars = self.vars.clone();
            vars.insert("i".into(), index.to_string().into());
            let step = fill(&plan["step"], &vars)?;
            let targets = targets.clone();
            branches.push(tokio::spawn(async move { branch(&targets, &step).await }));
        }
        let mut ends = Vec::new();
        for each in branches {
            ends.push(each.await.map_err(|error| error.to_string())??);
        }
        let outcomes = plan["outcomes"].as_object().ok_or("no outcomes")?;
        if let Some(end) = ends.iter().find(|end| !outcomes.contains_key(*end)) {
            return Err(format!("a branch ended with {end}"));
        }
        for (end, limits) in outcomes {
            let found = ends.iter().filter(|each| *each == end).count();
            let limits = to_text(limits);
            let (least, most) = limits.split_once("..").ok_or("no range")?;
            let fine = least.parse().is_ok_and(|least| found >= least)
                && most.parse().is_ok_and(|most| found <= most);
            if !fine {
                return Err(format!("{found} ended with {end}, not {limits}"));
            }
        }
        Ok(())
    }

    fn run(&mut self, step: &Value) -> Done {
        let argv = texts(&step["run"]);
        let ended = Command::new(&argv[0]).args(&argv[1..]).stderr(Stdio::inherit()).output();
        let ended = ended.map_err(|error| error.to_string())?;
        let output = String::from_utf8_lossy(&ended.stdout);
        if !ended.status.success() {
            return Err(format!("{argv:?} ended with {}: {output}", ended.status));
        }
        if let Some(name) = step["saveOutput"].as_str() {
            self.vars.insert(name.into(), output.trim().into());
        }
        Ok(())
    }

    /// Runs this program again in a separate process, which holds the calls of its steps until it
    /// is killed.
    fn spawn(&mut self, step: &Value) -> Done {
        let name = to_text(&step["spawn"]);
        let mut job = self.job.clone();
        job["vars"] = self.vars.clone().into();
        job["child"] = true.into();
        job["cases"] = json!([{"case": name, "steps": step["steps"]}]);
        let file = format!("{}.{name}", self.job_file);
        std::fs::write(&file, job.to_string()).map_err(|error| error.to_string())?;
        let argv = texts(&job["command"]);
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).arg(&file).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        }
        self.children.insert(name, child);
        if line.trim() == "ready" { Ok(()) } else { Err(format!("the child said {line}")) }
    }
}

async fn branch(targets: &Map<String, Value>, step: &Value) -> Result<String, String> {
    let ended = Call::open(targets, step).await?.outcome().await;
    if ended.ok {
        fits_outcome(step, &ended)?;
        return Ok("OK".into());
    }
    let reason = to_text(&ended.value["reason"]);
    Ok(if reason.is_empty() { to_text(&ended.value["code"]) } else { reason })
}

/// Returns the first difference between the outcome of a call and the expectation.
fn fits_outcome(step: &Value, ended: &Outcome) -> Done {
    let fails = step.get("error");
    let came = &ended.value;
    if ended.ok == fails.is_some() {
        return Err(format!("ok is {}: {came}", ended.ok));
    }
    match fails.or(step.get("expect")) {
        None => Ok(()),
        Some(wanted) => fits(wanted, came, "").map_err(|why| format!("{why}; came {came}")),
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(to_text).collect()
}

/// Returns the value of a line of /proc/self/status, in MiB.
fn memory_mib(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|each| each.strip_prefix(line));
    let kib = found.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next());
    kib.and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}
