package stasis.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;

/** Handles JSON: replaces variables, follows paths, and compares an answer with its expectation. */
final class Values {
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{([\\w.]+)\\}");

  private Values() {}

  /**
   * Replaces `${name}` in all strings. A string that consists of one reference becomes the value
   * itself.
   */
  static JsonElement fill(JsonElement value, JsonObject vars) {
    if (value.isJsonArray()) {
      JsonArray filled = new JsonArray();
      value.getAsJsonArray().forEach(each -> filled.add(fill(each, vars)));
      return filled;
    }
    if (value.isJsonObject()) {
      JsonObject filled = new JsonObject();
      value.getAsJsonObject().entrySet().forEach(each -> filled.add(each.getKey(), fill(each.getValue(), vars)));
      return filled;
    }
    if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isString()) return value;
    Matcher matcher = VARIABLE.matcher(value.getAsString());
    if (matcher.matches()) {
      if (!vars.has(matcher.group(1))) throw new Failure("nothing was saved as " + matcher.group(1));
      return vars.get(matcher.group(1));
    }
    return new JsonPrimitive(
        matcher.reset().replaceAll(found -> Matcher.quoteReplacement(text(vars.get(found.group(1))))));
  }

  /** Returns the string, or the JSON of another value. */
  static String text(JsonElement value) {
    if (value == null || value.isJsonNull()) return "";
    return value.isJsonPrimitive() ? value.getAsString() : value.toString();
  }

  static long number(JsonObject fields, String key, long absent) {
    return fields.has(key) ? fields.get(key).getAsLong() : absent;
  }

  /** Returns the value at a path such as `snapshots.0.config.id`. */
  static JsonElement at(JsonElement value, String path) {
    JsonElement part = value;
    for (String key : path.split("\\.")) {
      if (part.isJsonArray()) part = part.getAsJsonArray().get(Integer.parseInt(key));
      else part = part.isJsonObject() ? part.getAsJsonObject().get(key) : null;
      if (part == null) return new JsonPrimitive("");
    }
    return part;
  }

  /** Returns the first difference, if any. An answer may have more fields than expected. */
  static String fits(JsonElement wanted, JsonElement found, String path) {
    String problem = path + ": expected " + wanted;
    boolean absent = found == null || found.isJsonNull();
    if (wanted.isJsonNull() || absent) return wanted.isJsonNull() && absent ? "" : problem;
    if (wanted.isJsonArray()) {
      if (!found.isJsonArray() || found.getAsJsonArray().size() != wanted.getAsJsonArray().size()) return problem;
      for (int index = 0; index < wanted.getAsJsonArray().size(); index++) {
        JsonElement one = found.getAsJsonArray().get(index);
        String inner = fits(wanted.getAsJsonArray().get(index), one, path + "." + index);
        if (!inner.isEmpty()) return inner;
      }
      return "";
    }
    if (wanted.isJsonObject()) return fitsFields(wanted.getAsJsonObject(), found, path, problem);
    JsonPrimitive primitive = wanted.getAsJsonPrimitive();
    if (primitive.isString()) return fitsText(primitive.getAsString(), text(found)) ? "" : problem;
    if (!found.isJsonPrimitive()) return problem;
    if (!primitive.isNumber()) return primitive.equals(found) ? "" : problem;
    return primitive.getAsDouble() == found.getAsDouble() ? "" : problem;
  }

  private static String fitsFields(JsonObject wanted, JsonElement found, String path, String problem) {
    if (wanted.has("$some")) {
      if (!found.isJsonArray()) return problem;
      for (JsonElement want : wanted.getAsJsonArray("$some")) {
        boolean any =
            StreamSupport.stream(found.getAsJsonArray().spliterator(), false)
                .anyMatch(one -> fits(want, one, "").isEmpty());
        if (!any) return problem;
      }
      return "";
    }
    if (!found.isJsonObject()) return problem;
    for (Map.Entry<String, JsonElement> each : wanted.entrySet()) {
      JsonElement one = found.getAsJsonObject().get(each.getKey());
      String inner = fits(each.getValue(), one, path + "." + each.getKey());
      if (!inner.isEmpty()) return inner;
    }
    return "";
  }

  /**
   * Matches a text. `*` matches any value that is not empty, and `~text` matches a part. A number
   * is compared as text.
   */
  private static boolean fitsText(String wanted, String found) {
    if (wanted.equals("*")) return !found.isEmpty() && !found.equals("{}") && !found.equals("[]");
    return wanted.startsWith("~") ? found.contains(wanted.substring(1)) : found.equals(wanted);
  }

  static JsonElement orNull(JsonElement value) {
    return value == null ? JsonNull.INSTANCE : value;
  }
}
