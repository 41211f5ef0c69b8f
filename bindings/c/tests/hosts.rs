//! Programs in C and C++ are compiled, linked against the library (static and shared), and run; under valgrind where it is there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Libraries that a static library needs besides, as rustc says for this target.
const SYSTEM: &[&str] =
    if cfg!(target_os = "linux") { &["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"] } else { &["-lm"] };

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo has put the libraries: beside this test.
fn libraries() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_path_buf()
}

fn ran(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Compiles a program, and gives the command that runs it.
fn compiled(source: &Path, shared: bool, folder: &Path) -> Command {
    let is_c = source.extension().is_some_and(|e| e == "c");
    let (compiler, standard) = if is_c { ("cc", "-std=c99") } else { ("c++", "-std=c++17") };
    let program = folder.join(format!("{}-{shared}", source.file_stem().unwrap().to_str().unwrap()));
    let mut command = Command::new(compiler);
    command.args([standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-D_GNU_SOURCE", "-g", "-I"]);
    command.arg(here().join("include")).arg(source).arg("-o").arg(&program);
    if shared {
        command.arg("-L").arg(libraries()).args(["-lrhapsode_c", "-lm", "-lpthread"]);
    } else {
        command.arg(libraries().join("librhapsode_c.a")).args(SYSTEM);
    }
    ran(&mut command);
    let mut run = Command::new(program);
    run.env("LD_LIBRARY_PATH", libraries()).env("DYLD_LIBRARY_PATH", libraries());
    run
}

fn sources() -> Vec<PathBuf> {
    ["examples/robertson.c", "examples/drag.c", "examples/pendulum.cpp", "tests/bad_input.c", "tests/wrapper.cpp"]
        .map(|path| here().join(path))
        .into()
}

#[test]
fn programs_run_with_the_shared_and_the_static_library() {
    let folder = tempfile::tempdir().unwrap();
    for source in sources() {
        for shared in [true, false] {
            let said = ran(&mut compiled(&source, shared, folder.path()));
            let wanted = match source.file_stem().unwrap().to_str().unwrap() {
                "drag" => "v(20) = -41.0450",
                "robertson" => "k1 = 0.05: A(1e+06) = ",
                "pendulum" => "as it should be: no parameter or state is called `length`",
                _ => "all is well",
            };
            assert!(said.contains(wanted), "{}: {said}", source.display());
        }
    }
}

#[test]
fn valgrind_finds_no_errors_and_no_leaks() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: there is no valgrind");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for source in sources() {
        let program = compiled(&source, true, folder.path());
        let mut run = Command::new("valgrind");
        run.args([
            "--quiet",
            "--error-exitcode=9",
            // Else a thread may wait for ever while another runs.
            "--fair-sched=yes",
            "--leak-check=full",
            "--show-leak-kinds=definite,indirect,possible",
        ]);
        run.args(["--errors-for-leak-kinds=definite,indirect", "--smc-check=all-non-file"]);
        run.arg(program.get_program()).env("LD_LIBRARY_PATH", libraries());
        ran(&mut run);
    }
}

#[test]
fn a_prefix_is_found_by_pkg_config_and_by_cmake() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("prefix");
    ran(Command::new("sh").arg(here().join("install.sh")).arg(&prefix).arg(libraries()));
    let source = here().join("examples/robertson.c");
    if Command::new("pkg-config").arg("--version").output().is_ok() {
        let mut flags = Command::new("pkg-config");
        flags.args(["--cflags", "--libs", "rhapsode"]).env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
        let flags = ran(&mut flags);
        let program = folder.path().join("by-pkg-config");
        ran(Command::new("cc").arg(&source).arg("-o").arg(&program).args(flags.split_whitespace()).arg("-lm"));
        ran(Command::new(program).env("LD_LIBRARY_PATH", prefix.join("lib")));
    } else {
        println!("skipped: there is no pkg-config");
    }
    if Command::new("cmake").arg("--version").output().is_ok() {
        let project = folder.path().join("project");
        std::fs::create_dir(&project).unwrap();
        std::fs::copy(here().join("examples/pendulum.cpp"), project.join("pendulum.cpp")).unwrap();
        std::fs::write(
            project.join("CMakeLists.txt"),
            "cmake_minimum_required(VERSION 3.16)\nproject(host CXX)\nset(CMAKE_CXX_STANDARD 17)\nfind_package(rhapsode REQUIRED)\n\
             add_executable(shared pendulum.cpp)\ntarget_link_libraries(shared rhapsode::rhapsode)\n\
             add_executable(static pendulum.cpp)\ntarget_link_libraries(static rhapsode::rhapsode_static)\n",
        )
        .unwrap();
        let build = folder.path().join("build");
        ran(Command::new("cmake")
            .arg("-S")
            .arg(&project)
            .arg("-B")
            .arg(&build)
            .arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())));
        ran(Command::new("cmake").arg("--build").arg(&build));
        ran(&mut Command::new(build.join("shared")));
        ran(&mut Command::new(build.join("static")));
    } else {
        println!("skipped: there is no cmake");
    }
}
