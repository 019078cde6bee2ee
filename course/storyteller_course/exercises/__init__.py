"""What a lesson's author describes an exercise with: cases, inputs, assertions, fixtures, known answers, stand-ins."""
