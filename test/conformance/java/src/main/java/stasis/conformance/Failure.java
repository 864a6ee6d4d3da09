package stasis.conformance;

/** A step that did not end as the scenario says. */
final class Failure extends RuntimeException {
  private static final long serialVersionUID = 1;

  Failure(String message) {
    super(message);
  }
}
