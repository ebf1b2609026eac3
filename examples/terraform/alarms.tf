locals {
  own_alarms = {
    failed   = { metric = "WarmFailed", period = 3600, threshold = 3, text = "Warm calls keep failing" }
    rewrote  = { metric = "WarmRewrote", period = 3600, threshold = 1, text = "A refresh wrote instead of reading" }
    uncached = { metric = "WarmUncached", period = 3600, threshold = 1, text = "A warm call cached nothing" }
    drift    = { metric = "AgentDrift", period = 3600, threshold = 1, text = "An agent sends what is not warmed" }
    budget   = { metric = "BudgetReached", period = 3600, threshold = 1, text = "The day's budget is used up" }
    stopped  = { metric = "StateUnavailable", period = 900, threshold = 3, text = "The table cannot be reached, or the keep-warm function is not started" }
  }
  function_alarms = {
    errors    = { metric = "Errors", text = "The keep-warm function fails" }
    throttles = { metric = "Throttles", text = "The keep-warm function is throttled" }
  }
  queue_alarms = merge(
    { undelivered = { queue = aws_sqs_queue.undelivered.name, text = "A tick could not be delivered" } },
    { for queue in aws_sqs_queue.dead_letters : "dead-letters" => { queue = queue.name, text = "Workers could not take a message" } }
  )
}

resource "aws_cloudwatch_metric_alarm" "own" {
  for_each            = local.own_alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "prefixwarm"
  metric_name         = each.value.metric
  dimensions          = { service = var.name }
  statistic           = "Sum"
  period              = each.value.period
  evaluation_periods  = 1
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanOrEqualToThreshold"
  # No data says that the keep-warm function is not started.
  treat_missing_data = each.key == "stopped" ? "breaching" : "notBreaching"
}

resource "aws_cloudwatch_metric_alarm" "function" {
  for_each            = local.function_alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = { FunctionName = aws_lambda_function.keep_warm.function_name }
  statistic           = "Sum"
  period              = 900
  evaluation_periods  = 1
  threshold           = 3
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
}

resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each            = local.queue_alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = 900
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
}
