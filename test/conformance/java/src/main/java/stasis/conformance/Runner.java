package stasis.conformance;

import static stasis.conformance.Values.fill;
import static stasis.conformance.Values.number;
import static stasis.conformance.Values.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import stasis.conformance.Call.Outcome;

/**
 * Runs the scenario in Java with the generated methods of gen/java and grpc-java. ../README.md
 * explains each step.
 */
public final class Runner {
  /** The time limit of a program that a step runs, in seconds. */
  private static final long LIMIT_S = 60;

  private final Path jobFile;
  private final JsonObject job;
  private final Map<String, Call> held = new HashMap<>();
  private final Map<String, Process> children = new HashMap<>();
  private JsonObject vars = new JsonObject();

  private Runner(Path jobFile) throws IOException {
    this.jobFile = jobFile;
    job = JsonParser.parseString(Files.readString(jobFile)).getAsJsonObject();
  }

  public static void main(String[] args) throws IOException, InterruptedException {
    // Threads of the gRPC runtime would keep this process alive.
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, error) -> {
          error.printStackTrace();
          Runtime.getRuntime().halt(1);
        });
    Runner runner = new Runner(Path.of(args[0]));
    for (JsonElement each : runner.job.getAsJsonArray("cases")) runner.runCase(each.getAsJsonObject());
    System.exit(0);
  }

  private void runCase(JsonObject each) throws InterruptedException {
    long started = System.currentTimeMillis();
    String problem = "";
    vars = job.getAsJsonObject("vars").deepCopy();
    int index = 0;
    for (JsonElement step : each.getAsJsonArray("steps")) {
      index++;
      try {
        execute(step.getAsJsonObject());
      } catch (Exception error) {
        problem = "step " + index + ": " + error;
        break;
      }
    }
    if (!job.has("child")) {
      JsonObject line = new JsonObject();
      line.add("case", each.get("case"));
      line.addProperty("problem", problem);
      line.addProperty("ms", System.currentTimeMillis() - started);
      System.out.println(line);
    } else {
      System.out.println(problem.isEmpty() ? "ready" : problem);
      if (problem.isEmpty()) Thread.sleep(600_000);
    }
    held.values().forEach(Call::cancel);
    held.clear();
  }

  private void execute(JsonObject raw) throws Exception {
    if (raw.has("parallel")) {
      parallel(raw.getAsJsonObject("parallel"));
      return;
    }
    JsonObject step = fill(raw, vars).getAsJsonObject();
    if (step.has("run")) run(step);
    else if (step.has("spawn")) spawn(step);
    else if (step.has("kill")) children.get(text(step.get("kill"))).destroyForcibly().waitFor(LIMIT_S, TimeUnit.SECONDS);
    else callOrEnd(step);
  }

  private void callOrEnd(JsonObject step) throws Exception {
    Files.writeString(Path.of("/proc/self/clear_refs"), "5");
    long before = memoryMib("VmRSS");
    long until = System.currentTimeMillis() + number(step, "within", 0);
    while (true) {
      try {
        attempt(step);
        break;
      } catch (Failure failure) {
        if (System.currentTimeMillis() >= until) throw failure;
        Thread.sleep(100);
      }
    }
    long grown = memoryMib("VmHWM") - before;
    if (grown > number(step, "memoryMib", Long.MAX_VALUE)) throw new Failure("took " + grown + " MiB of memory");
  }

  /** Makes the call of the step, or ends a held call, and checks the outcome. */
  private void attempt(JsonObject step) throws IOException, InterruptedException {
    if (step.has("end")) {
      Call call = held.get(text(step.get("end")));
      if (step.has("send")) call.sendAll(step.getAsJsonArray("send"));
      if (text(step.get("how")).equals("cancel")) call.cancel();
      if (text(step.get("how")).equals("finish")) call.halfClose();
      check(step, call.outcome());
      return;
    }
    Call call = new Call(job.getAsJsonObject("targets"), step);
    if (step.has("hold")) {
      call.awaitBegin();
      held.put(text(step.get("hold")), call);
    } else {
      check(step, call.outcome());
    }
  }

  private void check(JsonObject step, Outcome outcome) {
    fitsOutcome(step, outcome);
    if (!step.has("save")) return;
    for (Map.Entry<String, JsonElement> each : step.getAsJsonObject("save").entrySet()) {
      vars.add(each.getKey(), Values.at(outcome.value(), text(each.getValue())));
    }
  }

  private static void fitsOutcome(JsonObject step, Outcome outcome) {
    if (outcome.ok() == step.has("error")) throw new Failure("ok is " + outcome.ok() + ": " + outcome.value());
    JsonElement wanted = step.has("error") ? step.get("error") : step.get("expect");
    if (wanted == null) return;
    String problem = Values.fits(wanted, outcome.value(), "");
    if (!problem.isEmpty()) throw new Failure(problem + "; came " + outcome.value());
  }

  /** Makes the same call many times at once. `outcomes` limits the number of each outcome. */
  private void parallel(JsonObject plan) throws InterruptedException, ExecutionException {
    int count = (int) number(plan, "count", 0);
    ExecutorService threads = Executors.newFixedThreadPool(count);
    List<Future<String>> branches = new ArrayList<>();
    for (int index = 0; index < count; index++) {
      JsonObject own = vars.deepCopy();
      own.addProperty("i", Integer.toString(index));
      JsonObject step = fill(plan.get("step"), own).getAsJsonObject();
      branches.add(threads.submit(() -> branch(step)));
    }
    List<String> ends = new ArrayList<>();
    for (Future<String> each : branches) ends.add(each.get());
    threads.shutdown();
    JsonObject outcomes = plan.getAsJsonObject("outcomes");
    for (String end : ends) {
      if (!outcomes.has(end)) throw new Failure("a branch ended with " + end);
    }
    for (Map.Entry<String, JsonElement> each : outcomes.entrySet()) {
      String[] limits = text(each.getValue()).split("\\.\\.");
      long found = ends.stream().filter(each.getKey()::equals).count();
      if (found < Long.parseLong(limits[0]) || found > Long.parseLong(limits[1])) {
        throw new Failure(found + " ended with " + each.getKey() + ", not " + text(each.getValue()));
      }
    }
  }

  private String branch(JsonObject step) throws IOException, InterruptedException {
    Outcome outcome = new Call(job.getAsJsonObject("targets"), step).outcome();
    if (outcome.ok()) {
      fitsOutcome(step, outcome);
      return "OK";
    }
    String reason = text(outcome.value().get("reason"));
    return reason.isEmpty() ? text(outcome.value().get("code")) : reason;
  }

  private void run(JsonObject step) throws IOException, InterruptedException {
    List<String> argv = texts(step.getAsJsonArray("run"));
    Path printed = Path.of(jobFile + ".output");
    Process process =
        new ProcessBuilder(argv)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .redirectOutput(printed.toFile())
            .start();
    process.getOutputStream().close();
    if (!process.waitFor(LIMIT_S, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new Failure(argv + " has not ended after " + LIMIT_S + " s");
    }
    String output = Files.readString(printed).strip();
    int status = process.exitValue();
    if (status != 0) throw new Failure(argv + " ended with " + status + ": " + output);
    if (step.has("saveOutput")) vars.add(text(step.get("saveOutput")), new JsonPrimitive(output));
  }

  /**
   * Runs this program again in a separate process, which holds the calls of its steps until it is
   * killed.
   */
  private void spawn(JsonObject step) throws IOException {
    String name = text(step.get("spawn"));
    JsonObject only = new JsonObject();
    only.addProperty("case", name);
    only.add("steps", step.get("steps"));
    JsonArray cases = new JsonArray();
    cases.add(only);
    JsonObject inner = job.deepCopy();
    inner.add("vars", vars);
    inner.addProperty("child", true);
    inner.add("cases", cases);
    Path file = Path.of(jobFile + "." + name);
    Files.writeString(file, inner.toString());
    List<String> argv = texts(job.getAsJsonArray("command"));
    argv.add(file.toString());
    Process child = new ProcessBuilder(argv).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    children.put(name, child);
    String line = new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8)).readLine();
    if (!"ready".equals(line)) throw new Failure("the child said " + line);
  }

  private static List<String> texts(JsonArray list) {
    List<String> all = new ArrayList<>();
    list.forEach(each -> all.add(text(each)));
    return all;
  }

  /** Returns the value of a line of /proc/self/status, in MiB. */
  private static long memoryMib(String name) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith(name + ":")) return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
    }
    throw new Failure("/proc/self/status has no " + name);
  }
}
