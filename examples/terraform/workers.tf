# Only with workers = true: a fleet of at most 300 prefixes is one tick's own work.

resource "aws_sqs_queue" "work" {
  count                      = var.workers ? 1 : 0
  name                       = "${var.name}-work"
  visibility_timeout_seconds = 45
  message_retention_seconds  = 600
  sqs_managed_sse_enabled    = true
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn
    maxReceiveCount     = 3
  })
}

resource "aws_sqs_queue" "dead_letters" {
  count                     = var.workers ? 1 : 0
  name                      = "${var.name}-dead-letters"
  message_retention_seconds = 345600
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "worker" {
  count                   = var.workers ? 1 : 0
  source_policy_documents = [data.aws_iam_policy_document.warm.json]

  statement {
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.work[0].arn]
  }
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.worker[0].arn}:*"]
  }
}

resource "aws_iam_role" "worker" {
  count              = var.workers ? 1 : 0
  name               = "${var.name}-worker"
  assume_role_policy = data.aws_iam_policy_document.assume["lambda"].json
}

resource "aws_iam_role_policy" "worker" {
  count  = var.workers ? 1 : 0
  role   = aws_iam_role.worker[0].name
  policy = data.aws_iam_policy_document.worker[0].json
}

resource "aws_cloudwatch_log_group" "worker" {
  count             = var.workers ? 1 : 0
  name              = "/aws/lambda/${var.name}-worker"
  retention_in_days = 30
}

resource "aws_lambda_function" "worker" {
  count            = var.workers ? 1 : 0
  function_name    = "${var.name}-worker"
  description      = "Makes the warm calls that are beyond one tick"
  filename         = "${var.build}/keepwarm.zip"
  source_code_hash = filebase64sha256("${var.build}/keepwarm.zip")
  handler          = "prefixwarm.keepwarm.worker.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  memory_size      = 512
  timeout          = 45
  role             = aws_iam_role.worker[0].arn

  environment {
    variables = local.keep_warm_environment
  }
  depends_on = [aws_cloudwatch_log_group.worker, aws_s3_object.manifest]
}

resource "aws_lambda_event_source_mapping" "worker" {
  count                   = var.workers ? 1 : 0
  event_source_arn        = aws_sqs_queue.work[0].arn
  function_name           = aws_lambda_function.worker[0].arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 10
  }
  depends_on = [aws_iam_role_policy.worker]
}
