# Who asks for a warm call: by the function's name, or by events.

data "aws_iam_policy_document" "ask" {
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.keep_warm.arn]
  }
}

resource "aws_cloudwatch_event_rule" "asked" {
  count         = var.ask_events ? 1 : 0
  name          = "${var.name}-asked"
  description   = "Asks prefixwarm for warm calls"
  event_pattern = jsonencode({ source = ["prefixwarm.ask"] })
}

resource "aws_cloudwatch_event_target" "asked" {
  count = var.ask_events ? 1 : 0
  rule  = aws_cloudwatch_event_rule.asked[0].name
  arn   = aws_lambda_function.keep_warm.arn

  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }
}

resource "aws_lambda_permission" "asked" {
  count         = var.ask_events ? 1 : 0
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.keep_warm.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.asked[0].arn
}
