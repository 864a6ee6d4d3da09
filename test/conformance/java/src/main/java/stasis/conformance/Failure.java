package stasis.conformance;

/** Reports a step whose outcome differs from the scenario. */
final class Failure extends RuntimeException {
  private static final long serialVersionUID = 1;

  Failure(String message) {
    super(message);
  }
}
