//! Nonsense for every file and argument: a message and an exit code, never a panic.

use crate::support::{Bench, Ended};

/// Bytes that are nothing: every value, again and again, mixed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[track_caller]
fn refuses(ended: &Ended) {
    assert!(matches!(ended.code, Some(2 | 3)), "{ended:?}");
    assert!(!ended.stderr.is_empty() && !ended.stderr.contains("panicked"), "{ended:?}");
    assert!(ended.stderr.len() < 20_000, "a message has an end: {} bytes", ended.stderr.len());
}

#[test]
fn noise_is_no_manifest_no_dataset_and_no_definition() {
    let bench = Bench::new();
    bench.dataset(1);
    bench.job("http://127.0.0.1:9", "async", "");
    let deep = "[".repeat(20_000);
    let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n";
    for bytes in [
        noise(4_000),
        vec![0; 100],
        Vec::new(),
        b"\xff\xfe\0\0".to_vec(),
        deep.clone().into_bytes(),
        bomb.as_bytes().to_vec(),
        b"version: 1\nversion: 1\n".to_vec(),
        b"--- \n...\n---\n".to_vec(),
        b"!!binary |\n  R0lG\n".to_vec(),
        b"? {a: b}\n: c\n".to_vec(),
        vec![b'a'; 2 << 20],
    ] {
        bench.write("noise.yaml", &bytes);
        for command in ["check", "run", "plan", "emulate"] {
            if command == "emulate" && bytes.is_empty() {
                continue;
            }
            refuses(&bench.run(&[command, "noise.yaml"]));
        }
    }
    bench.write("rows.csv", noise(50_000));
    refuses(&bench.run(&["run", "job.yaml"]));
    bench.write("noise.jsonl", noise(50_000));
    refuses(&bench.run(&["run", "job.yaml", "--dataset", "noise.jsonl"]));
    bench.write("noise.csv.gz", noise(500));
    refuses(&bench.run(&["run", "job.yaml", "--dataset", "noise.csv.gz"]));
    bench.write("noise.csv.zst", noise(500));
    refuses(&bench.run(&["run", "job.yaml", "--dataset", "noise.csv.zst"]));
    bench.write("noise.flow", noise(500));
    refuses(&bench.run(&["emulate", "noise.flow"]));
    bench.write("deep.jsonl", format!("{{\"id\":1,\"text\":{deep}\n"));
    refuses(&bench.run(&["run", "job.yaml", "--dataset", "deep.jsonl"]));
    refuses(&bench.run(&["check", "."]));
    refuses(&bench.run(&["run", "job.yaml", "--dataset", "."]));
    assert!(!bench.path("runs").exists());
}

#[test]
fn noise_in_a_run_folder_is_named() {
    let bench = Bench::new();
    for (name, bytes) in [("a", noise(3_000)), ("b", vec![0; 64]), ("c", b"{}\n{}\n{}\n".to_vec())] {
        bench.write(&format!("runs/job/{name}/journal.jsonl"), &bytes);
        bench.write(&format!("runs/job/{name}/run.lock.json"), noise(200));
        bench.write(&format!("runs/job/{name}/manifest.yaml"), noise(200));
        refuses(&bench.run(&["report", name]));
        refuses(&bench.run(&["resume", name]));
    }
    bench.run(&["runs"]).exits(0);
    bench.run(&["runs", "--json"]).exits(0);
}

#[test]
fn long_names_are_names_or_refused() {
    let bench = Bench::new();
    let long = "n".repeat(5_000);
    bench.write("rows.csv", format!("id,{long}\n1,x\n"));
    bench.job("http://127.0.0.1:9", "async", "");
    let job = bench.read("job.yaml");
    bench.write("job.yaml", job.replace("row.text", &format!("row.{long}")));
    bench.run(&["check", "job.yaml"]).exits(0);
    bench.write("job.yaml", job.replace("row.text", &format!("row.{long}x")));
    refuses(&bench.run(&["check", "job.yaml"]));
    bench.write("job.yaml", job.replace("name: job", &format!("name: {long}")));
    refuses(&bench.run(&["run", "job.yaml"]));
    refuses(&bench.run(&["run", &long]));
    refuses(&bench.run(&["resume", &long]));
    refuses(&bench.run(&["run", "job.yaml", "--id", &long]));
    refuses(&bench.run(&["run", "job.yaml", "--set", &format!("{long}={long}")]));
}

#[test]
fn a_name_cannot_leave_the_output_folder() {
    let bench = Bench::new();
    bench.dataset(1);
    for name in ["../escape", "/tmp/escape", "a/b", ".", "..", ""] {
        bench.job("http://127.0.0.1:9", "async", "");
        bench.write("job.yaml", bench.read("job.yaml").replace("name: job", &format!("name: \"{name}\"")));
        refuses(&bench.run(&["run", "job.yaml"]));
    }
}

#[test]
fn folders_may_have_any_name() {
    use crate::support::hostile::{Hostile, succeeded};
    let bench = Bench::new();
    let server = Hostile::serve(|_| succeeded("r", &serde_json::json!({"a": 1})));
    bench.dataset(2);
    bench.job(&server.url, "sync", "");
    let folder = "Ünder the 'tree' $HOME/夏 %41";
    bench.write(&format!("{folder}/my rows.csv"), bench.read("rows.csv"));
    let job = bench.read("job.yaml").replace("rows.csv", "my rows.csv").replace("name: job", "name: 夏季");
    bench.write(&format!("{folder}/the job.yaml"), job);
    let told = bench.run(&["run", &format!("{folder}/the job.yaml"), "-o", "out é", "--json"]);
    if told.code == Some(2) {
        // A name that becomes no folder is refused as such; the paths around it are fine.
        assert!(told.stderr.contains("name"), "{told:?}");
        let path = format!("{folder}/the job.yaml");
        bench.write(&path, bench.read(&path).replace("夏季", "summer"));
        bench.run(&["run", &path, "-o", "out é"]).exits(0);
    } else {
        told.exits(0);
    }
    bench.run(&["resume", "-o", "out é"]).exits(0);
    bench.run(&["report", "-o", "out é"]).exits(0);
    assert_eq!(server.invokes().len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn paths_that_are_no_text_are_taken_or_refused() {
    use std::os::unix::ffi::OsStrExt;

    use crate::support::finish;
    use crate::support::hostile::{Hostile, succeeded};
    let bench = Bench::new();
    let server = Hostile::serve(|_| succeeded("r", &serde_json::json!({"a": 1})));
    bench.dataset(2);
    bench.job(&server.url, "sync", "");
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff\xfe");
    std::fs::create_dir(bench.path(odd)).unwrap();
    for name in ["job.yaml", "rows.csv"] {
        std::fs::copy(bench.path(name), bench.path(odd).join(name)).unwrap();
    }
    let mut command = bench.command(["run"]);
    command.arg(std::path::Path::new(odd).join("job.yaml"));
    let ended = finish(command);
    assert!(matches!(ended.code, Some(0 | 2 | 3)) && !ended.stderr.contains("panicked"), "{ended:?}");
    if ended.code == Some(0) {
        bench.run(&["resume"]).exits(0);
    }
    for flag in ["-o", "--dataset"] {
        let mut command = bench.command(["run", "job.yaml", "--new", flag]);
        command.arg(if flag == "-o" {
            odd.to_owned()
        } else {
            std::path::Path::new(odd).join("rows.csv").into()
        });
        let ended = finish(command);
        assert!(matches!(ended.code, Some(0 | 2 | 3)) && !ended.stderr.contains("panicked"), "{ended:?}");
    }
}
