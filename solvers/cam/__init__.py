"""The search for CAM expressions: learners propose terms, a network and a metric judge them."""
